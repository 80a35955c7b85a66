"""The door to resources: templates, data streams and indices of one connection."""

from collections.abc import Sequence

from scoreback.connectors.elastic.deploying import deployer
from scoreback.connectors.elastic.deploying.resources import resources
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import DetectorNeeds, Found, Resource


class Resources:
    """What a connection needs in its cluster."""

    def __init__(self, client: Client, settings: ElasticSettings) -> None:
        """Keep what *settings* call for through *client*."""
        self._client, self._settings = client, settings

    def wanted(self) -> Sequence[Resource]:
        """Templates and indices, in the order of making."""
        return resources(self._settings)

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:  # noqa: ARG002 - none
        """Nothing: all detectors share the connection's."""
        return ()

    def made(self) -> Sequence[Resource]:
        """Nothing."""
        return ()

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands in the cluster now."""
        return deployer.standing(self._client, wanted)

    def apply(self, wanted: Resource) -> None:
        """Create or replace it; what an index holds stays."""
        deployer.apply(self._client, wanted)

    def remove(self, resource: Resource) -> None:
        """Remove it, with the data that it holds."""
        deployer.remove(self._client, resource)
