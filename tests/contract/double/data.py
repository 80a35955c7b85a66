"""The double's doors to data: events, scores and their counts, all of them documents of its log."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import pyarrow as pa

from scoreback.connectors.doors import BATCH_ROWS, ScoreQuery, Slice
from scoreback.errors import SiemRefused
from scoreback.records import (
    EVENT_COLUMNS,
    SCORE_COLUMNS,
    TIME,
    EventBatch,
    EventQuery,
    Histogram,
    LabelBatch,
    ScoreBatch,
    TimeWindow,
    WriteReport,
)
from scoreback.times import micros, moment
from tests.contract.double.log import Log

EVENT, SCORE, HISTOGRAM, VERDICT = "event", "score", "histogram", "verdict"
_KEYS = (*EVENT_COLUMNS.names, "stream")


class Events:
    """Events of streams; a stream that nobody wrote to has none."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def refuse_selection(self, selection: Mapping[str, object]) -> None:
        if set(selection) != {"stream"} or not isinstance(selection["stream"], str):
            raise SiemRefused("the double knows streams alone", hint="write {stream: NAME}")

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        self.refuse_selection(query.selection)
        span = (window.until - window.since) / parts
        cuts = [window.since + span * part for part in range(parts)] + [window.until]
        return [
            Slice(query=query, window=TimeWindow(since=a, until=b), part=part, parts=parts)
            for part, (a, b) in enumerate(pairwise(cuts))
        ]

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        self.refuse_selection(selection)
        return tuple(sorted({k for e in self._of(selection) for k in e if k not in _KEYS}))

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        since, until = micros(piece.window.since), micros(piece.window.until)
        first: dict[str, dict[str, Any]] = {}
        for event in self._of(piece.query.selection):
            if since <= event["arrival_time"] < until:
                first.setdefault(event["event_id"], event)
        rows = sorted(first.values(), key=lambda e: (e["arrival_time"], e["event_id"]))
        fields = [pa.field(name, pa.string()) for name in piece.query.fields]
        schema = pa.schema([*EVENT_COLUMNS, *fields])
        for start in range(0, len(rows), BATCH_ROWS):
            yield EventBatch(_batch(rows[start : start + BATCH_ROWS], schema))

    def _of(self, selection: Mapping[str, object]) -> Iterator[dict[str, Any]]:
        return (e for e in self._log.seen(EVENT) if e["stream"] == selection["stream"])


class Scores:
    """Scores and histograms; repeated ids are kept, and read once."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        rows = _rows(scores.batch.select(SCORE_COLUMNS.names))
        self._log.append(SCORE, [row | {"received": micros(at)} for row in rows])
        return WriteReport(written=len(rows))

    def existing(self, scores: ScoreBatch) -> set[str]:
        seen = {score["score_id"] for score in self._log.seen(SCORE)}
        return seen & set(scores.batch.column("score_id").to_pylist())

    def read(self, query: ScoreQuery) -> Iterator[ScoreBatch]:
        since, until = micros(query.window.since), micros(query.window.until)
        asked = {"detector": query.detector, "version": query.version, "stage": query.stage}
        first = {
            score["score_id"]: score
            for score in self._log.seen(SCORE)
            if since <= score["event_time"] < until
            and all(score[k] == v for k, v in asked.items() if v is not None)
        }
        rows = sorted(first.values(), key=lambda s: (s["event_time"], s["score_id"]))
        for start in range(0, len(rows), BATCH_ROWS):
            yield ScoreBatch(_batch(rows[start : start + BATCH_ROWS], SCORE_COLUMNS))

    def write_histograms(self, histograms: Sequence[Histogram], *, at: datetime) -> None:  # noqa: ARG002
        self._log.append(
            HISTOGRAM,
            [
                {name: getattr(one, name) for name in _HISTOGRAM}
                | {"since": micros(one.since), "until": micros(one.until)}
                | {"counts": {hour: list(counts) for hour, counts in one.counts.items()}}
                for one in histograms
            ],
        )

    def histograms(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        since, until = micros(window.since), micros(window.until)
        first = {
            one["histogram_id"]: one
            for one in self._log.seen(HISTOGRAM)
            if one["detector"] == detector and since <= one["since"] < until
        }
        for one in sorted(first.values(), key=lambda h: (h["since"], h["histogram_id"])):
            times = {"since": moment(one["since"]), "until": moment(one["until"])}
            yield Histogram(**{**one, **times, "edges": tuple(one["edges"])})


_HISTOGRAM = ("histogram_id", "detector", "version", "stage", "edges")


class Intake:
    """How events and verdicts come into the double."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def selection(self, stream: str) -> Mapping[str, object]:
        return {"stream": stream}

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        rows = [
            {name: value for name, value in row.items() if value is not None}
            | {"stream": stream, "event_ref": stream}
            | {"event_time": min(row["event_time"], row["arrival_time"])}
            for row in _rows(events.batch)
        ]
        self._log.append(EVENT, rows)
        return WriteReport(written=len(rows))

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        rows = _rows(batch.batch)
        self._log.append(VERDICT, rows)
        return WriteReport(written=len(rows))


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows with times as whole microseconds."""
    columns = [
        column.cast(pa.int64()) if column.type == TIME else column for column in batch.columns
    ]
    rows: list[dict[str, Any]] = pa.table(columns, names=batch.schema.names).to_pylist()
    return rows


def _batch(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for field in schema:
        values = [row.get(field.name) for row in rows]
        if field.type == TIME:
            columns.append(pa.array(values, pa.int64()).cast(TIME))
        else:
            columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)
