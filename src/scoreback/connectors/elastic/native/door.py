"""The native scoring door: for each detector a pipeline with the version and threshold in force."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from scoreback.connectors.doors.native import NativeAnswer, TrialEvent
from scoreback.connectors.elastic.native.hindrances import hindrances
from scoreback.connectors.elastic.native.models import PATH
from scoreback.connectors.elastic.native.pipelines import (
    PipelineNames,
    detector_pipeline,
    mark_of,
    point_of,
    same,
)
from scoreback.connectors.elastic.native.trial import answer
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import DetectorNeeds, ModelResource, NativePoint


class Native:
    """The pipelines that one cluster scores with."""

    def __init__(self, client: Client, settings: ElasticSettings) -> None:
        """Access them through *client*, under the names in *settings*."""
        self._client, self._settings = client, settings
        self._names = PipelineNames(settings.namespace)

    def in_force(self) -> Mapping[str, NativePoint]:
        """The stored points; one that somebody edited counts as missing."""
        listed = self._client.call(
            "GET",
            f"{PATH}{self._names.prefix}*",
            params={"filter_path": "*.description"},
            absent=(404,),
        )
        marks = (mark_of(pipeline.get("description")) for pipeline in (listed or {}).values())
        detectors = sorted({str(mark.get("detector")) for mark in marks if mark is not None})
        names = {self._names.of_detector(detector): detector for detector in detectors}
        there = {name for name in names if name in (listed or {})}
        if not there:
            return {}
        path = PATH + ",".join(quote(name, safe="") for name in sorted(there))
        found = self._client.call("GET", path, absent=(404,)) or {}
        points: dict[str, NativePoint] = {}
        for name, pipeline in found.items():
            mark = mark_of(pipeline.get("description"))
            point = None if mark is None else point_of(mark)
            if point is not None and same(pipeline, detector_pipeline(point, self._names)):
                points[names[name]] = point
        return points

    def put_in_force(self, point: NativePoint) -> None:
        """Write the pipeline of *point*."""
        name = self._names.of_detector(point.detector)
        body = detector_pipeline(point, self._names)
        self._client.call("PUT", PATH + quote(name, safe=""), body)

    def hindrances(self, needs: DetectorNeeds) -> Sequence[str]:
        """Why the cluster cannot score the detector of *needs*, a clause each; empty if it can."""
        return hindrances(self._client, self._settings, needs)

    def tried(
        self, wanted: ModelResource, events: Sequence[TrialEvent], threshold: float, cut: float
    ) -> NativeAnswer | None:
        """The scores that the cluster gives *events* with *wanted*; nothing is stored."""
        return answer(self._client, wanted, events, threshold, cut)
