"""What the SIEM needs for one detector besides its alert rule: lookups, calculated fields."""

from collections.abc import Sequence
from contextlib import suppress

from scoreback.deployment import AlertRule, DetectorNeeds, Resource
from scoreback.models.detector.spec import Detector
from scoreback.models.portable.making import NotPortable
from scoreback.records import Enrichment
from scoreback.service.app import App
from scoreback.service.deploying.native_models import native_model


def detector_resources(app: App, detector: Detector, rule: AlertRule) -> Sequence[Resource]:
    """What *detector* needs while the version of *rule* scores, in the order of creation.

    Raises:
        ArtifactError: the version is damaged or gone.
    """
    door = app.connector.resources
    if door is None:
        return ()
    enriched = app.enrichment(detector)
    model = None
    with suppress(NotPortable):  # `why_not_native` says why
        model = native_model(app, detector, rule.version)
    return door.of_detector(
        DetectorNeeds(
            detector=detector.name,
            version=rule.version,
            entity_field=detector.entity,
            selection=app.query(detector).selection,
            enriches=frozenset({enriched} - {Enrichment.NONE}),
            model=model,
        )
    )
