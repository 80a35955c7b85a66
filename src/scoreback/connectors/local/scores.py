"""The scores door: each id is stored once and read once, and all scores are counted."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.doors import BATCH_ROWS, ScoreQuery
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.compaction import compact, kept_while_read
from scoreback.connectors.local.storage.engine import batches, engine, parquet
from scoreback.connectors.local.storage.segments import Segment, list_segment, listed
from scoreback.connectors.local.storage.store import LOOKUP_IDS, Store
from scoreback.multivalue import readable
from scoreback.records import (
    EQUAL_EDGES,
    SCORE_COLUMNS,
    TIME,
    Histogram,
    Refused,
    ScoreBatch,
    Stage,
    TimeWindow,
    WriteReport,
)
from scoreback.sql import identifier, literal
from scoreback.times import micros, moment

RECEIVED = "received_at"  # column of stored scores: when they were written here


class Scores:
    """Keeps scores in segments, and their histograms in the ledger."""

    def __init__(self, store: Store) -> None:
        """Keep scores in *store*."""
        self._store = store

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        """Store *scores*, each id once; *at* is the time of writing."""
        table = pa.Table.from_batches([scores.batch])
        refused = _refused(table)
        if refused:
            bad = {item.item_id for item in refused}
            good = [i not in bad for i in table.column("score_id").to_pylist()]
            table = table.filter(pa.array(good))
        for place, name in enumerate(table.column_names):
            if name not in SCORE_COLUMNS.names:  # fields copied from the event
                table = table.set_column(place, name, readable(table[name]))
        arrived = pa.repeat(pa.scalar(at, TIME), table.num_rows)
        written = _store_new(self._store, table.append_column(RECEIVED, arrived))
        compact(self._store, "scores", "")
        return WriteReport(
            written=written, already_there=table.num_rows - written, refused=tuple(refused)
        )

    def existing(self, scores: ScoreBatch) -> set[str]:
        """The ids of those of *scores* that are stored already."""
        with self._store.ledger.reading() as connection:
            return _there(connection, scores.batch.column("score_id").to_pylist())

    def read(self, query: ScoreQuery) -> Iterator[ScoreBatch]:
        """Yield the stored scores of *query*, ordered by (event_time, score_id)."""
        with kept_while_read(self._store):
            yield from self._read(query)

    def _read(self, query: ScoreQuery) -> Iterator[ScoreBatch]:
        since, until = micros(query.window.since), micros(query.window.until)
        with self._store.ledger.reading() as connection:
            found = listed(connection, "scores")
        found = [s for s in found if s.min_event < until and s.max_event >= since]
        if not found:
            return
        named = {"detector": query.detector, "version": query.version, "stage": query.stage}
        wanted = "".join(f" AND {k} = {literal(v)}" for k, v in named.items() if v is not None)
        there = {name for segment in found for name in segment.columns}
        columns = ", ".join(
            identifier(field.name) if field.name in there else f"NULL AS {identifier(field.name)}"
            for field in SCORE_COLUMNS
        )
        sql = (
            f"SELECT {columns} "  # noqa: S608 - names and texts are quoted
            f"FROM {parquet(self._store.segments.intact(segment) for segment in found)} "
            f"WHERE event_time >= make_timestamptz({since}) "
            f"AND event_time < make_timestamptz({until}){wanted} ORDER BY event_time, score_id"
        )
        with engine(self._store.staging) as opened:
            for table in batches(opened.sql(sql), BATCH_ROWS):
                whole = table.cast(SCORE_COLUMNS).combine_chunks()
                yield ScoreBatch(whole.to_batches()[0])

    def write_histograms(self, histograms: Sequence[Histogram], *, at: datetime) -> None:  # noqa: ARG002 - of a slice only its events' times count here
        """Store *histograms*; storing an id again changes nothing."""
        rows = [
            {
                "histogram_id": histogram.histogram_id,
                "detector": histogram.detector,
                "version": histogram.version,
                "stage": histogram.stage,
                "since": micros(histogram.since),
                "until": micros(histogram.until),
                "edges": list(histogram.edges),
                "counts": {hour: list(counts) for hour, counts in histogram.counts.items()},
            }
            for histogram in histograms
        ]
        if rows:
            insert = sqlite.insert(ledger.histograms).on_conflict_do_nothing()
            with self._store.ledger.writing() as connection:
                connection.execute(insert, rows)

    def histograms(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        """Yield the detector's histograms of slices that begin in *window*, in order of slice."""
        of = ledger.histograms.c
        query = sa.select(ledger.histograms).where(
            of.detector == detector,
            of.since >= micros(window.since),
            of.since < micros(window.until),
        )
        with self._store.ledger.reading() as connection:
            rows = connection.execute(query.order_by(of.since, of.histogram_id)).mappings().all()
        for row in rows:
            own = {
                "since": moment(row["since"]),
                "until": moment(row["until"]),
                "edges": EQUAL_EDGES if row["edges"] is None else tuple(row["edges"]),
            }
            yield Histogram(**{**row, **own})


def _store_new(store: Store, table: pa.Table) -> int:
    """Write the rows with new ids; the ledger lock keeps other processes from doing so."""
    written: list[Segment] = []
    try:
        with store.ledger.writing() as connection:
            ids = table.column("score_id").to_pylist()
            known = _there(connection, ids)
            first = {score_id: i for i, score_id in reversed(list(enumerate(ids)))}
            keep = sorted(i for score_id, i in first.items() if score_id not in known)
            if not keep:
                return 0
            order = [("event_time", "ascending"), ("score_id", "ascending")]
            new = table.take(keep).sort_by(order)
            written.append(store.segments.write("scores", "", new, RECEIVED))
            list_segment(connection, written[0], evaluated=False)
            connection.execute(ledger.score_ids.insert(), [{"score_id": ids[i]} for i in keep])
    except BaseException:
        store.segments.discard(written)
        raise
    return len(keep)


def _there(connection: sa.Connection, score_ids: list[str]) -> set[str]:
    column = ledger.score_ids.c.score_id
    found: set[str] = set()
    for start in range(0, len(score_ids), LOOKUP_IDS):
        some = score_ids[start : start + LOOKUP_IDS]
        found.update(connection.scalars(sa.select(column).where(column.in_(some))))
    return found


def _refused(table: pa.Table) -> list[Refused]:
    """Report scores that rules and dashboards could not use."""
    score, risk = (table.column(n).to_numpy() for n in ("score", "risk"))
    stage = pc.is_in(table.column("stage"), pa.array([s.value for s in Stage])).to_numpy()
    wrong = {
        "score is not between 0 and 1": ~((score >= 0) & (score <= 1)),
        "risk is not between 0 and 100": ~((risk >= 0) & (risk <= 100)),
        "stage is unknown": ~stage.astype(bool),
    }
    ids = table.column("score_id")
    return [
        Refused(item_id=ids[int(i)].as_py(), reason=reason)
        for reason, rows in wrong.items()
        for i in np.flatnonzero(rows)
    ]
