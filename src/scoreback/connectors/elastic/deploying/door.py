"""The door to resources: templates, data streams and indices of one connection."""

from collections.abc import Sequence

from scoreback.connectors.elastic.deploying import deployer
from scoreback.connectors.elastic.deploying.resources import resources
from scoreback.connectors.elastic.native.models import PIPELINE, Models
from scoreback.connectors.elastic.native.pipelines import PipelineNames
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import MODEL, DetectorNeeds, Found, Resource

_PIPELINES = (MODEL, PIPELINE)


class Resources:
    """What a connection needs in its cluster."""

    def __init__(self, client: Client, settings: ElasticSettings) -> None:
        """Keep what *settings* call for through *client*."""
        self._client, self._settings = client, settings
        self._models = Models(client, PipelineNames(settings.namespace))

    def require_place(self) -> None:
        """Nothing: a cluster is place enough."""

    def wanted(self) -> Sequence[Resource]:
        """Templates and indices, in the order of making."""
        return resources(self._settings)

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:
        """The pipeline of its model, where the cluster scores; the rest all detectors share."""
        if needs.model is None or not self._settings.native:
            return ()
        return (self._models.resource(needs, needs.model),)

    def made(self) -> Sequence[Resource]:
        """Pipelines of models and detectors, where the cluster is to score."""
        return self._models.made() if self._settings.native else ()

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands in the cluster now."""
        if wanted.kind in _PIPELINES:
            return self._models.standing(wanted)
        return deployer.standing(self._client, wanted)

    def apply(self, wanted: Resource) -> None:
        """Create or replace it; what an index holds stays."""
        if wanted.kind in _PIPELINES:
            return self._models.apply(wanted)
        return deployer.apply(self._client, wanted)

    def remove(self, resource: Resource) -> None:
        """Remove it, with the data that it holds."""
        if resource.kind in _PIPELINES:
            return self._models.remove(resource)
        return deployer.remove(self._client, resource)
