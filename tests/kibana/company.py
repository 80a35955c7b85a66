"""The simulated company's events and verdicts, put into the node and into a simulator of Kibana.

Events go to a data stream, as a shipper would put them there, each with the arrival time that the
company drew for it. Verdicts that the team gives of its own accord are alerts of another rule of
theirs, one about each event, closed with a reason.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from scoreback.connectors.doors import IntakeDoor
from scoreback.records import EventBatch, LabelBatch, Verdict, WriteReport
from scoreback.times import micros
from tests.kibana import seeding
from tests.kibana.simulator import Simulator
from tests.kibana.times import iso

REASONS = {
    Verdict.TRUE_POSITIVE: "true_positive",
    Verdict.BENIGN_POSITIVE: "benign_positive",
    Verdict.FALSE_POSITIVE: "false_positive",
    Verdict.UNDETERMINED: "other",
}
RULE = {
    "id": "5d1f9b0e-0000-4000-8000-00000000c0de",
    "rule_id": "company-triage",
    "name": "What the company's team looked at",
}


class CompanyIntake:
    """Fills the node and the simulator."""

    def __init__(self, simulator: Simulator, samples: IntakeDoor) -> None:
        """Fill *simulator*; *samples* writes events into the node behind it."""
        self._simulator, self._samples = simulator, samples
        self._backing: dict[str, str] = {}

    def selection(self, stream: str) -> Mapping[str, object]:
        """The data stream of *stream*."""
        return self._samples.selection(stream)

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        """Add *events*, each id once."""
        report = self._samples.add_events(stream, events)
        if stream not in self._backing:
            name = self.selection(stream)["index"]
            found = self._simulator.cluster.asked("POST", f"/{name}/_search", {"size": 1})
            self._backing[stream] = found["hits"]["hits"][0]["_index"]
        return report

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Add an alert for each verdict, closed when and as the verdict says."""
        rows = pa.Table.from_batches([batch.batch]).to_pylist()
        alerts = {f"team-{row['event_id']}": self._alert(row) for row in rows}
        seeding.store(self._simulator, alerts)
        return WriteReport(written=len(alerts))

    def _alert(self, row: Mapping[str, Any]) -> dict[str, Any]:
        stream = str(row["event_id"]).split("-", 1)[0]
        closed = iso(micros(row["label_time"]) / 1e6)
        return seeding.alert(
            self._simulator,
            f"team-{row['event_id']}",
            [{"_index": self._backing[stream], "_id": row["event_id"], "_source": {}}],
            rule=RULE,
            overrides={
                "kibana.alert.workflow_status": "closed",
                "kibana.alert.workflow_reason": REASONS[Verdict(row["verdict"])],
                "kibana.alert.workflow_user": row["labeller"],
                "kibana.alert.workflow_status_updated_at": closed,
            },
        )
