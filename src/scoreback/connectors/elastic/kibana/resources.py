"""The resources door with Kibana: the cluster's objects, then data views and dashboards."""

from collections.abc import Sequence

from scoreback.connectors.doors import ResourcesDoor
from scoreback.connectors.elastic.kibana.dashboards.door import KINDS, Dashboards
from scoreback.deployment import DetectorNeeds, Found, Resource


class Resources:
    """What a connection needs in its cluster and in a space of its Kibana."""

    def __init__(self, cluster: ResourcesDoor, dashboards: Dashboards) -> None:
        """Combine the doors of the *cluster* and of *dashboards*."""
        self._cluster, self._dashboards = cluster, dashboards

    def require_place(self) -> None:
        """Check that the space exists.

        Raises:
            SiemRefused: it does not exist.
        """
        self._cluster.require_place()
        self._dashboards.require_place()

    def wanted(self) -> Sequence[Resource]:
        """The cluster's first: dashboards read its streams, and its index stores their marks.

        Raises:
            SiemUnavailable, SiemRefused: Kibana's version is unknown.
        """
        return (*self._cluster.wanted(), *self._dashboards.wanted())

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:
        """What one detector needs in either."""
        return (*self._cluster.of_detector(needs), *self._dashboards.of_detector(needs))

    def made(self) -> Sequence[Resource]:
        """What was created for detectors in either."""
        return (*self._cluster.made(), *self._dashboards.made())

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands, in the part that it belongs to."""
        return self._of(wanted).standing(wanted)

    def apply(self, wanted: Resource) -> None:
        """Create or replace it."""
        self._of(wanted).apply(wanted)

    def remove(self, resource: Resource) -> None:
        """Remove it."""
        self._of(resource).remove(resource)

    def _of(self, resource: Resource) -> ResourcesDoor:
        return self._dashboards if resource.kind in KINDS else self._cluster
