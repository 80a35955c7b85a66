"""Writes how detectors are doing into their data stream."""

import msgspec
import pyarrow as pa

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.times import text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.errors import SiemRefused
from scoreback.records import Histogram


class Health:
    """The data stream of health."""

    def __init__(self, client: Client, names: Names) -> None:
        """Write through *client*."""
        self._client, self._names = client, names

    def write_histogram(self, histogram: Histogram) -> None:
        """Store *histogram*, a document for each hour, whose id follows from slice and hour.

        A slice is counted once and never changes, so a document that is there already is the same.
        """
        hours = sorted(histogram.counts)
        if not hours:
            return
        ids = pa.array([f"{histogram.histogram_id}-{hour}" for hour in hours])
        sources = [
            {
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
                        "counts": list(histogram.counts[hour]),
                    },
                },
            }
            for hour in hours
        ]
        lines = actions(
            "create",
            {"_id": ids},
            pa.array([msgspec.json.encode(source).decode() for source in sources]),
        )
        path = f"/{self._names.health}/_bulk"
        report = bulk.send(self._client, path, lines, params={"require_data_stream": True})
        if report.refused:
            raise SiemRefused(
                f"the counts of a run were refused: {next(iter(report.refused.values()))}",
                hint="run `scoreback plan`; `scoreback apply` makes the templates of health data",
            )
