"""Models as ingest pipelines: their state in the cluster, and how to apply and remove them.

A pipeline's description records what Scoreback wrote, so that any edit is noticed.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from scoreback.connectors.elastic.native.packing import Times
from scoreback.connectors.elastic.native.pipelines import (
    PipelineNames,
    digest_of,
    mark_of,
    model_pipeline,
)
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import MODEL, DetectorNeeds, Found, ModelResource, Resource, Standing
from scoreback.errors import SiemRefused
from scoreback.portable.model import PortableModel

PIPELINE = "ingest_pipeline"  # the kind of pipeline that users call
PATH = "/_ingest/pipeline/"


class Models:
    """The pipelines of one namespace."""

    def __init__(self, client: Client, names: PipelineNames) -> None:
        """Access them through *client*."""
        self._client, self._names = client, names

    def resource(self, needs: DetectorNeeds, model: PortableModel) -> ModelResource:
        """The *model* for *needs*, as a pipeline."""
        body = model_pipeline(model, times_of(needs))
        return ModelResource(
            kind=MODEL,
            name=self._names.of_model(model.detector, model.version),
            body=body,
            detector=model.detector,
            version=model.version,
            model=model,
            digest=digest_of(body["processors"]),
        )

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands in the cluster now."""
        there = self._there(wanted.name)
        if there is None:
            return Found(standing=Standing.ABSENT)
        now, mark = digest_of(there.get("processors")), mark_of(there.get("description"))
        # it is written whenever something changes, and never by `apply`
        if wanted.kind == PIPELINE:
            return Found(standing=Standing.FOREIGN if mark is None else Standing.CURRENT)
        told = wanted.body.get("digest")  # found by `made`
        will = str(told) if told else digest_of(wanted.body["processors"])
        differences = () if now == will else (f"digest: {now[:16]} -> {will[:16]}",)
        if set(there) & {"on_failure", "deprecated"}:
            differences = (*differences, "on_failure: it has one -> none")
        if mark is None:
            return Found(standing=Standing.FOREIGN, differences=differences)
        if not differences:
            return Found(standing=Standing.CURRENT)
        ours = mark.get("digest") == now and "on_failure" not in there
        return Found(
            standing=Standing.OUTDATED if ours else Standing.EDITED, differences=differences
        )

    def apply(self, wanted: Resource) -> None:
        """Write *wanted*; the old or the new pipeline scores events that arrive meanwhile."""
        self._client.call("PUT", PATH + quote(wanted.name, safe=""), wanted.body)

    def remove(self, resource: Resource) -> None:
        """Remove it, unless another pipeline calls it: that pipeline would then refuse events.

        Raises:
            SiemRefused: another pipeline calls it and would fail without it.
        """
        callers = sorted(self._callers(resource.name))
        if callers:
            raise SiemRefused(
                f"the pipeline {callers[0]} calls {resource.name}, and would refuse events"
                " without it",
                hint="remove the call there first, or set ignore_missing_pipeline: true there",
            )
        self._client.call("DELETE", PATH + quote(resource.name, safe=""), absent=(404,))

    def made(self) -> Sequence[Resource]:
        """All that exist: for each detector its models, then the pipeline that calls them."""
        found = self._client.call(
            "GET",
            f"{PATH}{self._names.prefix}*",
            params={"filter_path": "*.description"},
            absent=(404,),
        )
        made = []
        for name, pipeline in sorted((found or {}).items()):
            mark = mark_of(pipeline.get("description"))
            if mark is None:
                continue
            detector, version = str(mark.get("detector")), str(mark.get("version"))
            if name == self._names.of_model(detector, version):
                body: dict[str, object] = {"digest": str(mark.get("digest"))}
                made.append(_resource(MODEL, name, body, detector, version))
            elif name == self._names.of_detector(detector):
                made.append(_resource(PIPELINE, name, {}, detector, ""))
        return sorted(made, key=lambda one: (one.detector, one.kind != MODEL, one.name))

    def _there(self, name: str) -> Mapping[str, Any] | None:
        found = self._client.call("GET", PATH + quote(name, safe=""), absent=(404,))
        return found.get(name) if found else None

    def _callers(self, name: str) -> Iterator[str]:
        """Pipelines, other than Scoreback's, that would refuse events if *name* did not exist."""
        answer = self._client.call(
            "GET",
            "/_ingest/pipeline",
            params={
                "filter_path": "*.processors.pipeline.name,"
                "*.processors.pipeline.ignore_missing_pipeline,"
                "*.processors.pipeline.ignore_failure"
            },
            absent=(404,),
        )
        for caller, pipeline in (answer or {}).items():
            if caller.startswith(self._names.prefix):
                continue
            for processor in pipeline.get("processors", ()):
                called = processor.get("pipeline", {})
                safe = called.get("ignore_missing_pipeline") or called.get("ignore_failure")
                if called.get("name") == name and not safe:
                    yield caller


def times_of(needs: DetectorNeeds) -> Times:
    """The time fields of the events for *needs*."""
    selection = Selection.of(needs.selection)
    return Times(selection.time, selection.arrival)


def _resource(
    kind: str, name: str, body: Mapping[str, object], detector: str, version: str
) -> Resource:
    return Resource(kind=kind, name=name, body=body, detector=detector, version=version)
