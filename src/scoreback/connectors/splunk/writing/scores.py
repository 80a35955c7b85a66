"""The scores door: scores as Scoreback's events, each read once."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from scoreback.connectors.doors import BATCH_ROWS, ScoreQuery
from scoreback.connectors.json.documents import documents
from scoreback.connectors.splunk.names import SCORES, flat
from scoreback.connectors.splunk.spl import text
from scoreback.connectors.splunk.times import epochs, parsed
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.export import search
from scoreback.connectors.splunk.wire.hec import Hec
from scoreback.connectors.splunk.writing.histograms import Histograms
from scoreback.connectors.splunk.writing.own_events import OwnEvents
from scoreback.multivalue import real_lists
from scoreback.records import SCORE_COLUMNS, Histogram, Refused, ScoreBatch, TimeWindow, WriteReport

LOOKUP_IDS = 500  # ids per search
# Severity bands of Elastic's canonical scores, so that both SIEMs agree.
_SEVERITIES = ((99.0, 99), (73.0, 73), (47.0, 47), (0.0, 21))
_OWN = "scoreback."


class _Stored(msgspec.Struct, rename="scoreback_{}".format):
    """A score as its event holds it; fields that are not written are not read either."""

    score_id: str
    event_id: str
    detector: str
    version: str
    stage: str
    score: float
    threshold: float
    alert: bool
    scored_at: float
    risk: float = msgspec.field(name="event_risk_score")
    time: float = msgspec.field(name="orig_time")
    entity: str | None = None
    reasons: str | None = None
    chance: float | None = None


_DECODER = msgspec.json.Decoder(_Stored)


class Scores:
    """The scores in Scoreback's index."""

    def __init__(self, client: Client, hec: Hec) -> None:
        """Write through *hec*, read through *client*."""
        self._client, self._hec = client, hec
        self._events = OwnEvents(client, SCORES)
        self._histograms = Histograms(client, hec)

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:  # noqa: ARG002 - Splunk stamps
        """Write *scores*; Splunk cannot tell a new one from one that it has already."""
        table = pa.Table.from_batches([scores.batch])
        if not table.num_rows:
            return WriteReport(written=0)
        events = _documents(table, self._events)
        report = self._hec.send(events)
        ids = table["score_id"].to_pylist() if report.refused else []
        return WriteReport(
            written=len(report.done),
            refused=tuple(
                Refused(item_id=ids[number], reason=why, document=events[number].as_py())
                for number, why in sorted(report.refused.items())
            ),
        )

    def existing(self, scores: ScoreBatch) -> set[str]:
        """The ids of those of *scores* that a search finds now at their events' times."""
        if not scores.num_rows:
            return set()
        order = [("event_time", "ascending"), ("score_id", "ascending")]
        table = pa.Table.from_batches([scores.batch]).select(["score_id", "event_time"])
        table = table.sort_by(order)  # so that each search covers a short time
        found: set[str] = set()
        for start in range(0, table.num_rows, LOOKUP_IDS):
            part = table.slice(start, LOOKUP_IDS)
            times = part["event_time"].to_pylist()
            ids = ",".join(text(one) for one in part["score_id"].to_pylist())
            rows = search(
                self._client,
                f"search {self._events.base({})} scoreback_score_id IN ({ids})"
                " | fields scoreback_score_id | fields - _*",
                earliest=str(math.floor(times[0].timestamp())),
                latest=str(math.floor(times[-1].timestamp()) + 1),
            )
            found |= {row["scoreback_score_id"] for row in rows}
        return found & set(table["score_id"].to_pylist())

    def read(self, query: ScoreQuery) -> Iterator[ScoreBatch]:
        """Yield the stored scores of *query*, each id once, by event time, then id."""
        named = {
            "scoreback_detector": query.detector,
            "scoreback_version": query.version,
            "scoreback_stage": query.stage,
        }
        for found in self._events.read(named, query.window, _row):
            rows = {row["score_id"]: row for row in found if _asked(row, query)}
            table = pa.Table.from_pylist(list(rows.values()), schema=SCORE_COLUMNS)
            table = table.sort_by([("event_time", "ascending"), ("score_id", "ascending")])
            for batch in table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
                yield ScoreBatch(batch)

    def write_histograms(self, histograms: Sequence[Histogram], *, at: datetime) -> None:  # noqa: ARG002 - a count's time is that of its events
        """Write *histograms*; readers count each once."""
        self._histograms.write(histograms)

    def histograms(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        """Yield the histograms of slices that begin in *window*, each once, in order of slice."""
        return self._histograms.read(detector, window)


def _row(raw: str) -> dict[str, Any]:
    stored = _DECODER.decode(raw)
    return msgspec.structs.asdict(stored) | {
        "event_ref": "",
        "event_time": parsed(stored.time),
        "scored_at": parsed(stored.scored_at),
    }


def _asked(row: dict[str, Any], query: ScoreQuery) -> bool:
    """Whether a score matches *query*: searches ignore case and microseconds."""
    wanted = {"detector": query.detector, "version": query.version, "stage": query.stage}
    same = all(value in (None, row[name]) for name, value in wanted.items())
    return same and query.window.since <= row["event_time"] < query.window.until


def _documents(table: pa.Table, events: OwnEvents) -> pa.Array:
    """Scores in the collector's form, one text each."""
    risk = table["risk"]
    time = epochs(table["event_time"])
    named = {
        "scoreback_score_id": table["score_id"],
        "scoreback_detector": table["detector"],
        "scoreback_version": table["version"],
        "scoreback_stage": table["stage"],
        "scoreback_alert": table["alert"],
        "scoreback_chance": table["chance"],
        "scoreback_score": table["score"],
        "scoreback_threshold": table["threshold"],
        "event_risk_score": risk,
        "event_severity": _severity(risk),
        "orig_time": time,
        "scoreback_scored_at": epochs(table["scored_at"]),
        "scoreback_entity": table["entity"],
        "scoreback_event_id": table["event_id"],
    }
    constants = {"event_kind": "enrichment"}
    ours = {*named, *constants}
    copied = {
        flat(name): real_lists(table[name])
        for name in table.column_names
        if name not in SCORE_COLUMNS.names and not name.startswith(_OWN)
    }
    named |= {name: column for name, column in copied.items() if name not in ours}
    named["scoreback_reasons"] = table["reasons"]  # the longest field comes last
    return documents(
        {"time": time} | {f"event.{name}": column for name, column in named.items()},
        events.envelope() | {f"event.{key}": value for key, value in constants.items()},
        objects=("event",),
    )


def _severity(risk: pa.ChunkedArray) -> pa.Array:
    values = risk.to_numpy()
    bands = [values >= lowest for lowest, _ in _SEVERITIES]
    return pa.array(np.select(bands, [severity for _, severity in _SEVERITIES], 21))
