"""The names of Scoreback's objects in Splunk: fixed by the app, except for the index."""

SCORES, HISTOGRAMS, HEALTH = "scoreback:score", "scoreback:histogram", "scoreback:health"
HOST = "scoreback"  # source of every event that Scoreback sends

ENTITIES = "scoreback_entities"  # KV collections
ENTITIES_PENDING = "scoreback_entities_pending"
EVENTS = "scoreback_events"
ALERTS = "scoreback_alerts"
ALERT_HITS = "scoreback_alert_hits"
DEPLOYED = "scoreback_deployed"  # what the service has created for detectors
VERDICTS = "scoreback_verdicts"
MODELS = "scoreback_models"
IN_FORCE = "scoreback_in_force"


def flat(name: str) -> str:
    """A dotted name as Scoreback's events in Splunk spell it."""
    return name.replace(".", "_")
