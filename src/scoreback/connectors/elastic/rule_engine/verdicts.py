"""The verdicts of analysts as documents in Scoreback's index: one each, never replaced."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from scoreback.connectors.closings import Closing, next_time, repeated, standing
from scoreback.connectors.doors import BATCH_ROWS
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.connectors.elastic.wire.required_index import require
from scoreback.connectors.json.documents import documents
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

PAGE = min(BATCH_ROWS, 10_000)
_TIMES = ("since", "until", "label_time")
_LATER = ("alert_id", "withdrawn")  # columns missing in documents of earlier versions
_UNNAMED = ("rule", "propensity")  # details of a verdict that are not part of its identity


class Verdicts:
    """The verdicts of one namespace."""

    def __init__(self, client: Client, names: Names) -> None:
        """Keep verdicts through *client*."""
        self._client, self._index = client, names.verdicts

    def read(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts of *query*, in order of label time."""
        times = {"gte": text(query.since)}
        if query.until is not None:
            times["lt"] = text(query.until)
        wanted: list[dict[str, Any]] = [{"range": {"label_time": times}}]
        if query.rules:
            wanted.append({"terms": {"rule": list(query.rules)}})
        for sources in self._pages({"bool": {"filter": wanted}}):
            yield LabelBatch(_batch(sources))

    def close(self, alert: Alert, verdict: Verdict, labeller: str, at: datetime) -> datetime:
        """Record the closing of *alert*; returns its label time, later than that of any before.

        Repeating a closing that stands adds nothing.
        """
        history = [_closing(source) for source in self._told(alert.alert_id)]
        before = repeated(history, verdict.value, labeller)
        if before is not None:
            return before.label_time
        at = next_time(history, at)
        row = {
            "alert_id": alert.alert_id,
            "event_id": alert.event_id,
            "verdict": verdict.value,
            "label_time": text(at),
            "labeller": labeller,
            "source": "verdict",
        }
        more = {"rule": alert.rule, "withdrawn": False}
        if alert.chance is not None:
            more["propensity"] = alert.chance
        self._create(_key(row), row | more)
        return at

    def withdraw(self, alert_id: str, at: datetime) -> None:
        """Withdraw the verdicts that stand on an alert; it is no error if there are none."""
        told = self._told(alert_id)
        history = [_closing(source) for source in told]
        for place in standing(history):
            row = told[place] | {"label_time": text(next_time(history, at)), "withdrawn": True}
            del row["verdict_id"]
            self._create(_key({k: v for k, v in row.items() if k not in _UNNAMED}), row)

    def add(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere; adding one again changes nothing."""
        require(self._client, self._index)
        table = pa.Table.from_batches([batch.batch]).select(LABEL_COLUMNS.names)
        rows = table.to_pylist()
        wrong = {n: why for n, row in enumerate(rows) if (why := wrong_label(row))}
        good = [n for n in range(len(rows)) if n not in wrong]
        keys = [_key(_named(rows[n])) for n in good]
        kept = table.take(pa.array(good, pa.int64()))
        columns = {"verdict_id": pa.array(keys, pa.string())}
        columns |= {name: kept[name] for name in LABEL_COLUMNS.names}
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

    def told_of(self, alert_ids: Sequence[str]) -> dict[str, list[Closing]]:
        """The closings of each of *alert_ids* that has any, in order of label time."""
        found: dict[str, list[Closing]] = {}
        for start in range(0, len(alert_ids), PAGE):
            some = list(alert_ids[start : start + PAGE])
            for page in self._pages({"terms": {"alert_id": some}}):
                for source in page:
                    found.setdefault(source["alert_id"], []).append(_closing(source))
        return found

    def _told(self, alert_id: str) -> list[dict[str, Any]]:
        """All closings of one alert, in order of label time."""
        pages = self._pages({"term": {"alert_id": alert_id}})
        return [source for page in pages for source in page]

    def _pages(self, query: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        body: dict[str, Any] = {"size": PAGE, "query": query, "sort": ["label_time", "verdict_id"]}
        while True:
            hits = self._client.search(self._index, body)["hits"]["hits"]
            if hits:
                yield [hit["_source"] for hit in hits]
            if len(hits) < PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def _create(self, key: str, row: Mapping[str, Any]) -> None:
        self._client.call(
            "PUT", f"/{self._index}/_create/{key}", {**row, "verdict_id": key}, absent=(409,),
            params={"refresh": True},
        )  # fmt: skip


def _key(row: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(row.items()))).hexdigest()


def _named(row: Mapping[str, Any]) -> dict[str, str]:
    """The identity of an imported verdict: newer columns count only where they have a value."""
    later = {name for name in _LATER if not row[name]}
    return {k: str(v) for k, v in row.items() if k not in later and k != "rule"}


def _closing(source: Mapping[str, Any]) -> Closing:
    return Closing(
        verdict=source["verdict"],
        labeller=source["labeller"],
        label_time=parsed(source["label_time"]),
        withdrawn=bool(source.get("withdrawn")),
    )


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    columns = []
    for field in LABEL_COLUMNS:
        values = [row.get(field.name) for row in rows]
        if field.name == "withdrawn":
            values = [bool(v) for v in values]
        if field.name in _TIMES:
            values = [None if v is None else parsed(v) for v in values]
        columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=LABEL_COLUMNS)
