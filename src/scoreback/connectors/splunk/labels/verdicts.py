"""The collection of verdicts: one row for each verdict; rows never change.

Analysts write to it through the app's endpoint, the service through the alerts door.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from scoreback.connectors.closings import Closing, next_time, repeated, standing
from scoreback.connectors.splunk.labels.rows import TIMES, Row, from_document, seconds
from scoreback.connectors.splunk.names import VERDICTS
from scoreback.connectors.splunk.wire.kvstore import KEYS, KvStore
from scoreback.records import (
    LABEL_COLUMNS,
    Alert,
    LabelBatch,
    LabelQuery,
    Refused,
    Verdict,
    WriteReport,
    wrong_label,
)

_ORDER = "label_time:1,_key:1"
_KEPT = (*LABEL_COLUMNS.names, "detector", "comment")


class Verdicts:
    """The verdicts of one connection."""

    def __init__(self, kv: KvStore) -> None:
        """Keep verdicts in *kv*."""
        self._kv = kv

    def rows(self, query: LabelQuery) -> Iterator[Row]:
        """Yield the verdicts of *query*, in order of label time."""
        times: dict[str, float] = {"$gte": seconds(query.since)}
        asked: list[dict[str, Any]] = [{"label_time": times}]
        if query.until is not None:
            asked.append({"label_time": {"$lt": seconds(query.until)}})
        if query.rules:
            asked.append({"$or": [{"rule": rule} for rule in query.rules]})
        found = self._kv.rows(VERDICTS, {"$and": asked}, sort=_ORDER)
        return map(from_document, found)

    def told(self, alert_id: str) -> list[Row]:
        """All verdicts on one alert, in order of label time."""
        found = self._kv.rows(VERDICTS, {"alert_id": alert_id}, sort=_ORDER)
        return [from_document(document) for document in found]

    def told_of(self, alert_ids: Sequence[str]) -> dict[str, list[Row]]:
        """The verdicts on each of *alert_ids* that has any."""
        found: dict[str, list[Row]] = {}
        for start in range(0, len(alert_ids), KEYS):
            some = [{"alert_id": alert_id} for alert_id in alert_ids[start : start + KEYS]]
            for document in self._kv.rows(VERDICTS, {"$or": some}, sort=_ORDER):
                found.setdefault(str(document["alert_id"]), []).append(from_document(document))
        return found

    def close(self, alert: Alert, verdict: Verdict, labeller: str, at: datetime) -> Row:
        """Add the closing of *alert*, later than any before; repeating one that stands adds none.

        Returns:
            The row of the closing.
        """
        history = self.told(alert.alert_id)
        closings = [closing(row) for row in history]
        if (before := repeated(closings, verdict.value, labeller)) is not None:
            return history[closings.index(before)]
        row = {
            "alert_id": alert.alert_id,
            "event_id": alert.event_id,
            "rule": alert.rule,
            "detector": alert.detector,
            "verdict": verdict.value,
            "label_time": next_time(closings, at),
            "labeller": labeller,
            "source": "verdict",
            "propensity": alert.chance,
            "withdrawn": False,
        }
        self._save([row])
        return row

    def withdraw(self, alert_id: str, at: datetime) -> None:
        """Withdraw the verdicts that stand on an alert; it is no error if there are none."""
        history = self.told(alert_id)
        closings = [closing(row) for row in history]
        end = next_time(closings, at)
        self._save(
            [
                {**history[place], "label_time": end, "withdrawn": True}
                for place in standing(closings)
            ]
        )

    def add(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that were given elsewhere; adding one again changes nothing."""
        rows = pa.Table.from_batches([batch.batch]).select(LABEL_COLUMNS.names).to_pylist()
        refused = [
            Refused(item_id=str(row["event_id"] or row["entity"]), reason=why)
            for row in rows
            if (why := wrong_label(row))
        ]
        good = [row for row in rows if not wrong_label(row)]
        self._save(good)
        return WriteReport(written=len(good), refused=tuple(refused))

    def _save(self, rows: Sequence[Mapping[str, Any]]) -> None:
        documents = [_document(row) for row in rows]
        if documents:
            self._kv.save(VERDICTS, documents)


def closing(row: Row) -> Closing:
    """*row* as a closing of its alert."""
    return Closing(
        verdict=row["verdict"],
        labeller=row["labeller"],
        label_time=row["label_time"],
        withdrawn=row["withdrawn"],
    )


def _document(row: Mapping[str, Any]) -> dict[str, Any]:
    """*row* as a document of the collection; its key is derived from its content."""
    found = {
        name: seconds(value) if name in TIMES else value
        for name in _KEPT
        if (value := row.get(name)) is not None
    }
    text = json.dumps(found, sort_keys=True)
    return {"_key": hashlib.sha256(text.encode()).hexdigest(), **found}
