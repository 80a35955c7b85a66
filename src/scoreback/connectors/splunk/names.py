"""What things of ours are called in Splunk: fixed by the app, but for the index."""

SCORES, HISTOGRAMS, HEALTH = "scoreback:score", "scoreback:histogram", "scoreback:health"
HOST = "scoreback"  # of every event that we send

ENTITIES = "scoreback_entities"  # KV collections
ENTITIES_PENDING = "scoreback_entities_pending"
EVENTS = "scoreback_events"
ALERTS = "scoreback_alerts"
ALERT_HITS = "scoreback_alert_hits"
DEPLOYED = "scoreback_deployed"  # what the service has made for detectors
VERDICTS = "scoreback_verdicts"
MODELS = "scoreback_models"
IN_FORCE = "scoreback_in_force"


def flat(name: str) -> str:
    """A dotted name as our events in Splunk have it."""
    return name.replace(".", "_")
