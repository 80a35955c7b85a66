"""The scores door: writes scores to their data stream; each is read once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import ScoreQuery
from scoreback.connectors.elastic.deploying.resources import RULE
from scoreback.connectors.elastic.names import OWN, Names
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import creations
from scoreback.connectors.elastic.writing.histograms import Histograms
from scoreback.connectors.elastic.writing.members import events_of
from scoreback.connectors.elastic.writing.reasons import REASON, sentences
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.multivalue import real_lists
from scoreback.records import SCORE_COLUMNS, TIME, Histogram, ScoreBatch, TimeWindow, WriteReport

ECS_VERSION = "9.2.0"
# Documents serialised at once, a third cheaper than a whole step: for each concurrent request as
# many as it takes.
PART_ROWS = bulk.AT_ONCE * bulk.MAX_ITEMS
LOOKUP_IDS = 5_000  # ids per query; the server accepts 65,536
READ_ROWS = 5_000  # scores per answer
_NOTHING: dict[str, Any] = {"hits": {"hits": []}}
# Columns that nearly always have a single value in a batch.
_SHARED = frozenset(
    {
        "event.ingested", "event.severity", "scoreback.alert", "scoreback.chance",
        "scoreback.detector",
        "scoreback.event.index", "scoreback.scored_at", "scoreback.stage", "scoreback.threshold",
        "scoreback.version",
    }
)  # fmt: skip
# Elastic's canonical scores for low, medium, high and critical, used by severity overrides.
_SEVERITIES = ((99.0, 99), (73.0, 73), (47.0, 47), (0.0, 21))


class Scores:
    """The data stream of scores."""

    def __init__(self, client: Client, names: Names) -> None:
        """Write through *client*."""
        self._client, self._names = client, names
        self._histograms = Histograms(client, names)

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        """Store *scores*, sent *at* this time; existing ones are counted.

        Raises:
            SiemUnavailable: scores stored so far stay; writing all again changes nothing.
            SiemRefused: nothing can be written, because a privilege or the templates are missing.
        """
        if not scores.num_rows:
            return WriteReport(written=0)
        table = _first_of_each(pa.Table.from_batches([scores.batch]))
        received = _received(table["alert"], at)
        parts = [
            self._create(table.slice(start, PART_ROWS), received.slice(start, PART_ROWS))
            for start in range(0, table.num_rows, PART_ROWS)
        ]
        repeated = scores.num_rows - table.num_rows
        return WriteReport(
            written=sum(part.written for part in parts),
            already_there=sum(part.already_there for part in parts) + repeated,
            refused=tuple(refused for part in parts for refused in part.refused),
        )

    def _create(self, table: pa.Table, received: pa.Array) -> WriteReport:
        ids = table["score_id"]
        lines = _creations(table, received)

        def stored(items: Sequence[int]) -> set[int]:
            names = ids.take(pa.array(items, pa.int64())).to_pylist()
            there = self._stored(names)
            return {i for i, name in zip(items, names, strict=True) if name in there}

        path = f"/{self._names.scores}/_bulk"
        report = bulk.send(
            self._client, path, lines, confirm=stored, params={"require_data_stream": True}
        )
        _refuse_missing_templates(report.refused)
        return WriteReport(
            written=len(report.done),
            already_there=len(report.conflicts),
            refused=bulk.refusals(ids.to_pylist() if report.refused else [], lines, report),
        )

    def existing(self, scores: ScoreBatch) -> set[str]:
        """The ids of those of *scores* that are stored, in any backing index."""
        return self._stored(scores.batch.column("score_id").to_pylist())

    def read(self, query: ScoreQuery) -> Iterator[ScoreBatch]:
        """Yield the stored scores of *query*, each id once, in order of event time."""
        window = {"gte": text(query.window.since), "lt": text(query.window.until)}
        wanted: list[dict[str, Any]] = [{"range": {"@timestamp": window}}]
        named = {"detector": query.detector, "version": query.version, "stage": query.stage}
        wanted += [{"term": {f"scoreback.{k}": v}} for k, v in named.items() if v is not None]
        order = ("scoreback.event.id", "scoreback.version", "scoreback.stage")
        body: dict[str, Any] = {
            "size": READ_ROWS,
            "query": {"bool": {"filter": wanted}},
            "sort": ["@timestamp", *order],
        }
        latest: set[str] = set()  # ids of the last page: a copy of a score sorts next to it
        while True:
            answer = self._client.search(self._names.scores, body, absent=(404,)) or _NOTHING
            hits = answer["hits"]["hits"]
            rows = {h["_id"]: _row(h) for h in hits if h["_id"] not in latest}
            if rows:
                batch = pa.RecordBatch.from_pylist(list(rows.values()), schema=SCORE_COLUMNS)
                yield ScoreBatch(batch)
            if len(hits) < READ_ROWS:
                return
            latest = {hit["_id"] for hit in hits}
            body["search_after"] = hits[-1]["sort"]

    def write_histograms(self, histograms: Sequence[Histogram], *, at: datetime) -> None:  # noqa: ARG002 - a count's time is that of its events
        """Store *histograms*; storing an id again changes nothing."""
        self._histograms.write(histograms)

    def histograms(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        """Yield the histograms of slices that begin in *window*, each once, in order of slice."""
        return self._histograms.read(detector, window)

    def _stored(self, ids: Sequence[str]) -> set[str]:
        if not ids:
            return set()
        stream = self._names.scores
        refreshed = self._client.call("POST", f"/{stream}/_refresh", absent=(404,))
        if refreshed is None:
            return set()  # no stream yet: nothing is stored
        if refreshed["_shards"]["failed"]:
            raise SiemUnavailable(
                f"not every shard of {stream} can be read, so it is unknown what is stored there",
                hint="wait until the cluster's health is green or yellow; nothing is lost",
            )
        found: set[str] = set()
        for start in range(0, len(ids), LOOKUP_IDS):
            found |= self._there(ids[start : start + LOOKUP_IDS])
        return found

    def _there(self, ids: Sequence[str]) -> set[str]:
        """Those of *ids* that are stored; each may be in several backing indices."""
        size = 2 * len(ids)
        body = {"size": size, "_source": False, "query": {"ids": {"values": ids}}}
        answer = self._client.search(self._names.scores, body, absent=(404,)) or {}
        hits = answer.get("hits", {}).get("hits", [])
        if len(hits) < size or len(ids) == 1:
            return {hit["_id"] for hit in hits}
        middle = len(ids) // 2  # so many copies that the answer may lack some id's
        return self._there(ids[:middle]) | self._there(ids[middle:])


def _first_of_each(table: pa.Table) -> pa.Table:
    """Each id once, because a batch may contain one twice."""
    ids = table["score_id"].to_pylist()
    if len(set(ids)) == len(ids):
        return table
    first = {score_id: i for i, score_id in reversed(list(enumerate(ids)))}
    return table.take(pa.array(sorted(first.values())))


def _row(hit: Mapping[str, Any]) -> dict[str, Any]:
    """A stored score in `SCORE_COLUMNS`; its event's ref leads to the event's index."""
    values = flat(hit["_source"])
    own = {k.removeprefix(OWN): v for k, v in values.items() if k.startswith(OWN)}
    ingested = parsed(values["event.ingested"])
    return own | {
        "score_id": hit["_id"],
        "event_id": own["event.id"],
        "event_ref": own.get("event.index") or "",
        "event_time": parsed(values["@timestamp"]),
        "scored_at": parsed(own["scored_at"]) if "scored_at" in own else ingested,
        "risk": values["event.risk_score"],
    }


def _received(alerts: pa.ChunkedArray, at: datetime) -> pa.Array:
    """When the cluster received each score: *at*, plus a millisecond more for each alerting one.

    Kibana's rules page through hits by this time only, and lose hits that share the time of the
    last one on a page.
    """
    before = np.cumsum(alerts.to_numpy()) - 1
    if not len(before) or before[-1] < 1:
        return pa.repeat(pa.scalar(at, TIME), len(alerts))
    later = np.where(alerts.to_numpy(), before, 0) * 1_000
    return pa.array(np.datetime64(at.replace(tzinfo=None), "us") + later, TIME)


def _creations(table: pa.Table, received: pa.Array) -> pa.Array:
    """Lines that create the documents of *table*'s scores, *received* then, in ECS."""
    risk = table["risk"]
    columns = {
        "@timestamp": table["event_time"],
        "event.ingested": received,
        "event.risk_score": risk,
        "event.severity": _severity(risk),
        "scoreback.score": table["score"],
        "scoreback.threshold": table["threshold"],
        "scoreback.alert": table["alert"],
        "scoreback.chance": table["chance"],
        "scoreback.scored_at": table["scored_at"],
        "scoreback.detector": table["detector"],
        "scoreback.version": table["version"],
        "scoreback.stage": table["stage"],
        "scoreback.entity": table["entity"],
        "scoreback.reasons": table["reasons"],
        "scoreback.event.id": table["event_id"],
        "scoreback.event.index": events_of(table, all_members=False)["event_index"],
    }
    constants = {
        "ecs.version": ECS_VERSION,
        "event.kind": "enrichment",
    }
    if table["reasons"].null_count < table.num_rows:
        columns[REASON] = sentences(table["reasons"])
    ours = {*columns, *constants, *RULE, REASON}  # for these names the score's own value counts
    columns |= {
        f"{OWN}event.{name}" if name in ours else name: real_lists(table[name])
        for name in table.column_names
        if name not in SCORE_COLUMNS.names and not name.startswith(OWN)
    }
    for key in [key for key in columns if key in _SHARED]:
        if len(pc.unique(columns[key])) == 1:  # written once, not per row
            constants[key] = columns.pop(key)[0].as_py()
    return creations(table["score_id"], columns, constants)


def _severity(risk: pa.ChunkedArray) -> pa.Array:
    values = risk.to_numpy()
    bands = [values >= lowest for lowest, _ in _SEVERITIES]
    return pa.array(np.select(bands, [severity for _, severity in _SEVERITIES], 21))


def _refuse_missing_templates(refused: dict[int, str]) -> None:
    """Without its template, the first document would create an index with a wrong mapping."""
    why = next(iter(refused.values()), "")
    if why.startswith("index_not_found_exception"):
        raise SiemRefused(
            f"the data stream of scores has no template: {why}",
            hint="run `scoreback apply` once with a key that may create templates",
        )
