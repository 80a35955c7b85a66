"""What the SIEM needs for one detector beside its alert rule: lookups, calculated fields."""

from collections.abc import Sequence

from scoreback.deployment import AlertRule, DetectorNeeds, Resource
from scoreback.models.detector.spec import Detector
from scoreback.records import Enrichment
from scoreback.service.app import App


def detector_resources(app: App, detector: Detector, rule: AlertRule) -> Sequence[Resource]:
    """What *detector* needs while the version of *rule* scores, in the order of making."""
    door = app.connector.resources
    if door is None:
        return ()
    enriched = app.enrichment(detector)
    return door.of_detector(
        DetectorNeeds(
            detector=detector.name,
            version=rule.version,
            entity_field=detector.entity,
            selection=app.query(detector).selection,
            enriches=frozenset({enriched} - {Enrichment.NONE}),
        )
    )
