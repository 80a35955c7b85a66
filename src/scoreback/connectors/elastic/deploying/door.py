"""The resources door: templates, data streams and indices of one connection."""

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
        """Manage what *settings* call for, through *client*."""
        self._client, self._settings = client, settings
        self._models = Models(client, PipelineNames(settings.namespace))

    def require_place(self) -> None:
        """Do nothing: the cluster itself is the only container."""

    def wanted(self) -> Sequence[Resource]:
        """Templates and indices, in the order of creation."""
        return resources(self._settings)

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:
        """The pipeline of its model, if the cluster scores; detectors share everything else."""
        if needs.model is None or not self._settings.native:
            return ()
        return (self._models.resource(needs, needs.model),)

    def made(self) -> Sequence[Resource]:
        """Pipelines of models and detectors, if the cluster scores."""
        return self._models.made() if self._settings.native else ()

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands in the cluster now."""
        if wanted.kind in _PIPELINES:
            return self._models.standing(wanted)
        return deployer.standing(self._client, wanted)

    def apply(self, wanted: Resource) -> None:
        """Create or replace it; an index keeps its data."""
        if wanted.kind in _PIPELINES:
            return self._models.apply(wanted)
        return deployer.apply(self._client, wanted)

    def remove(self, resource: Resource) -> None:
        """Remove it with its data."""
        if resource.kind in _PIPELINES:
            return self._models.remove(resource)
        return deployer.remove(self._client, resource)
