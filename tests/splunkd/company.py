"""The simulated company's events and verdicts, put into a simulator of splunkd.

A real Splunk gets events by its own means and stamps when it indexed them; here each keeps the
arrival time that the company drew for it, so that what is learnt is the same as elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.labels.verdicts import Verdicts
from scoreback.multivalue import values_of
from scoreback.records import EVENT_COLUMNS, EventBatch, LabelBatch, WriteReport
from scoreback.times import micros
from tests.splunkd.simulator import Simulator

INDEX = "company"


class CompanyIntake:
    """Seeds a simulator; verdicts go where the app's own verdict actions put them."""

    def __init__(self, simulator: Simulator, verdicts: Verdicts) -> None:
        """Fill *simulator*; *verdicts* is a connection's own collection in it."""
        self._simulator, self._verdicts = simulator, verdicts

    def selection(self, stream: str) -> Mapping[str, object]:
        """The base search of *stream*."""
        return {"search": f"index={INDEX} sourcetype={_sourcetype(stream)}", "id": "event_id"}

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        """Index *events*, each as JSON under its ECS names, when it arrived."""
        self._simulator.add_events(_seeds(stream, events.batch))
        return WriteReport(written=events.num_rows)

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Keep verdicts on events that no alert of ours had shown."""
        self._verdicts.add(batch)
        return WriteReport(written=batch.num_rows)


class CompanyConnector(SplunkConnector):
    """A connection to a simulator that takes the company's events."""

    company: CompanyIntake | None = None

    @property
    def intake(self) -> CompanyIntake | None:  # type: ignore[override]  # a real Splunk has none
        """Where the company's events go."""
        return self.company


def _sourcetype(stream: str) -> str:
    return f"company:{stream}"


def _seeds(stream: str, events: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    names = [name for name in events.schema.names if name not in EVENT_COLUMNS.names]
    for row in events.to_pylist():
        document: dict[str, Any] = {"event_id": row["event_id"]}
        for name in names:
            if row[name] is not None:
                values = values_of(row[name])
                document[name] = values if len(values) > 1 else values[0]
        yield {
            "index": INDEX,
            "sourcetype": _sourcetype(stream),
            "host": "company",
            "source": stream,
            "raw": json.dumps(document),
            "time": micros(row["event_time"]) / 1e6,
            "indextime": micros(row["arrival_time"]) / 1e6,
        }
