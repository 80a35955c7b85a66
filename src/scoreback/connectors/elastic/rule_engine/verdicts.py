"""The verdicts of analysts, as documents of our own index: one for each closing, none replaced."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from scoreback.connectors.doors import BATCH_ROWS
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions, documents
from scoreback.connectors.elastic.wire.required_index import require
from scoreback.records import (
    LABEL_COLUMNS,
    Alert,
    LabelBatch,
    Refused,
    Verdict,
    WriteReport,
    wrong_label,
)

OWN_LABELLER = "scoreback"  # what we close ourselves is no analyst's verdict
PAGE = min(BATCH_ROWS, 10_000)
_TIMES = ("since", "until", "label_time")
_TEXTS = ("event_id", "entity", "verdict", "labeller", "source")


class Verdicts:
    """The verdicts of one namespace."""

    def __init__(self, client: Client, names: Names) -> None:
        """Keep verdicts through *client*."""
        self._client, self._index = client, names.verdicts

    def read(self, since: datetime) -> Iterator[LabelBatch]:
        """Yield the verdicts given at or after *since*, in order of label time."""
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {
                "bool": {
                    "filter": [{"range": {"label_time": {"gte": text(since)}}}],
                    "must_not": [{"term": {"labeller": OWN_LABELLER}}],
                }
            },
            "sort": ["label_time", "verdict_id"],
        }
        while True:
            found = self._client.search(self._index, body)
            hits = found["hits"]["hits"]
            if hits:
                yield LabelBatch(_batch([hit["_source"] for hit in hits]))
            if len(hits) < PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def close(self, alert: Alert, verdict: Verdict, labeller: str, at: datetime) -> datetime:
        """Add the closing of *alert*; its label time, later than that of any before.

        The same closing told twice is one.
        """
        body = {
            "size": 1,
            "query": {"term": {"alert_id": alert.alert_id}},
            "sort": [{"label_time": "desc"}],
        }
        found = self._client.search(self._index, body)
        last = next((hit["_source"] for hit in found["hits"]["hits"]), None)
        if last is not None:
            latest = parsed(last["label_time"])
            same = (last["verdict"], last["labeller"]) == (verdict.value, labeller)
            if same and latest == at:
                return latest
            at = max(at, latest + timedelta(microseconds=1))
        row = {
            "alert_id": alert.alert_id,
            "event_id": alert.event_id,
            "verdict": verdict.value,
            "label_time": text(at),
            "labeller": labeller,
            "source": "verdict",
        }
        key = _key(row)
        self._client.call(
            "PUT", f"/{self._index}/_create/{key}", row | {"verdict_id": key}, absent=(409,),
            params={"refresh": True},
        )  # fmt: skip
        return at

    def add(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere; the same verdict again changes nothing."""
        require(self._client, self._index)
        table = pa.Table.from_batches([batch.batch]).select(LABEL_COLUMNS.names)
        rows = table.to_pylist()
        wrong = {n: why for n, row in enumerate(rows) if (why := wrong_label(row))}
        good = [n for n in range(len(rows)) if n not in wrong]
        keys = [_key({k: str(v) for k, v in rows[n].items()}) for n in good]
        kept = table.take(pa.array(good, pa.int64()))
        columns = {"verdict_id": pa.array(keys, pa.string())}
        columns |= {name: kept[name] for name in (*_TEXTS, *_TIMES)}
        lines = actions("create", {"_id": columns["verdict_id"]}, documents(columns, {}))
        report = bulk.send(self._client, f"/{self._index}/_bulk", lines, params={"refresh": True})
        refused = [
            Refused(item_id=str(rows[n]["event_id"] or rows[n]["entity"]), reason=why)
            for n, why in wrong.items()
        ]
        return WriteReport(
            written=len(report.done),
            already_there=len(report.conflicts),
            refused=(*refused, *bulk.refusals(keys, lines, report)),
        )


def _key(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(row.items()))).hexdigest()


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    columns = []
    for field in LABEL_COLUMNS:
        values = [row.get(field.name) for row in rows]
        if field.name in _TIMES:
            values = [None if v is None else parsed(v) for v in values]
        columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=LABEL_COLUMNS)
