"""Counts of all scores, by hour, in the data stream of health."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.errors import SiemRefused
from scoreback.records import EQUAL_EDGES, Histogram, TimeWindow

PAGE = 5_000


class Histograms:
    """The histograms in the data stream of health, a document for each hour."""

    def __init__(self, client: Client, names: Names) -> None:
        """Write through *client*."""
        self._client, self._names = client, names

    def write(self, histograms: Sequence[Histogram]) -> None:
        """Store *histograms*, each document under an id derived from its slice and hour.

        A slice is counted once and never changes, so an existing document is the same.
        """
        hours = [(one, hour) for one in histograms for hour in sorted(one.counts)]
        if not hours:
            return
        ids = pa.array([f"{one.histogram_id}-{hour}" for one, hour in hours])
        sources = pa.array([msgspec.json.encode(_source(*each)).decode() for each in hours])
        lines = actions("create", {"_id": ids}, sources)
        path = f"/{self._names.health}/_bulk"
        report = bulk.send(self._client, path, lines, params={"require_data_stream": True})
        if report.refused:
            raise SiemRefused(
                f"the cluster refused the counts of a run: {next(iter(report.refused.values()))}",
                hint="run `scoreback plan`; `scoreback apply` creates the templates of health data",
            )

    def read(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        """Yield the histograms of slices that begin in *window*, each once, in order of slice."""
        begins = {"gte": text(window.since), "lt": text(window.until)}
        wanted: list[Mapping[str, Any]] = [
            {"term": {"scoreback.detector": detector}},
            {"range": {"scoreback.histogram.since": begins}},
        ]
        documents = (_told(source) for source in self._sources(wanted))
        for _, of_one in groupby(documents, key=lambda told: (told["since"], told["id"])):
            told = list(of_one)
            yield Histogram(
                histogram_id=told[0]["id"],
                detector=detector,
                version=told[0]["version"],
                stage=told[0]["stage"],
                since=parsed(told[0]["since"]),
                until=parsed(told[0]["until"]),
                edges=tuple(told[0].get("edges") or EQUAL_EDGES),
                # a copy has the same content
                counts={each["hour"]: each["counts"] for each in told},
            )

    def _sources(self, wanted: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {"bool": {"filter": wanted}},
            "sort": ["scoreback.histogram.since", "scoreback.histogram.id", "@timestamp"],
        }
        while True:
            answer = self._client.search(self._names.health, body, absent=(404,))
            hits = answer["hits"]["hits"] if answer else []
            yield from (hit["_source"] for hit in hits)
            if len(hits) < PAGE:
                return
            body["search_after"] = hits[-1]["sort"]


def _source(histogram: Histogram, hour: str) -> dict[str, Any]:
    return {
        "@timestamp": hour,
        "event": {"kind": "metric", "provider": "scoreback", "dataset": "scoreback.health"},
        "rule": {"name": histogram.detector, "version": histogram.version},
        "scoreback": {
            "detector": histogram.detector,
            "version": histogram.version,
            "stage": histogram.stage,
            "histogram": {
                "id": histogram.histogram_id,
                "since": text(histogram.since),
                "until": text(histogram.until),
                "scored": sum(histogram.counts[hour]),
                "edges": list(histogram.edges),
                "counts": list(histogram.counts[hour]),
            },
        },
    }


def _told(source: Mapping[str, Any]) -> dict[str, Any]:
    own = source["scoreback"]
    named = {"hour": source["@timestamp"], "version": own["version"], "stage": own["stage"]}
    return {**own["histogram"], **named}
