"""Events joined with their latest live score, for anyone who queries in SQL."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb

from scoreback.connectors.local.events import Events, fields_of
from scoreback.connectors.local.storage.compaction import kept_while_read
from scoreback.connectors.local.storage.engine import engine, parquet
from scoreback.connectors.local.storage.segments import Segment, listed
from scoreback.connectors.local.storage.store import Store
from scoreback.multivalue import sql_readable
from scoreback.naming import UNIT_REF
from scoreback.sql import identifier, literal

_TYPES = {
    "score": "DOUBLE", "risk": "DOUBLE", "alert": "BOOLEAN", "detector": "VARCHAR",
    "version": "VARCHAR", "reasons": "VARCHAR",
}  # fmt: skip


@contextmanager
def open_enriched(store: Store, stream: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB with view ``events_enriched`` over *stream*, for a ``with`` block.

    The view has each event once: its fields (several values of one field as ``a, b``), and
    ``scoreback.score``, ``scoreback.risk``, ``scoreback.alert``, ``scoreback.detector``,
    ``scoreback.version`` and ``scoreback.reasons`` of the latest live score, null where there is
    none. The score of a unit of several events appears on each event that the score's ref names.
    The view shows what the SIEM held when the view was opened.

    Raises:
        SiemRefused: the stream does not exist, or a segment is damaged.
    """
    with kept_while_read(store):
        found = Events(store).selected({"stream": stream})
        with store.ledger.reading() as transaction:
            scores = listed(transaction, "scores")
        fields = sorted(n for n in fields_of(found) if not n.startswith("scoreback."))
        events = parquet(store.segments.intact(segment) for segment in found)
        joined = ", ".join(f"latest.{n} AS {identifier('scoreback.' + n)}" for n in _TYPES)
        columns = ", ".join(
            ["event_time", "arrival_time"]
            + [f"{sql_readable(identifier(n))} AS {identifier(n)}" for n in fields]
        )
        view = (
            f"CREATE VIEW events_enriched AS SELECT events.event_id, {columns}, {joined} "  # noqa: S608
            f"FROM {events} events LEFT JOIN ({_latest(store, scores, stream)}) latest "
            "ON events.event_id = latest.event_id"
        )
        with engine(store.staging) as connection:
            connection.execute(view)
            yield connection


def _latest(store: Store, scores: Sequence[Segment], stream: str) -> str:
    if not scores:
        nulls = ", ".join(f"NULL::{kind} AS {name}" for name, kind in _TYPES.items())
        return f"SELECT NULL::VARCHAR AS event_id, {nulls} WHERE false"
    there = {name for segment in scores for name in segment.columns}
    columns = ", ".join(
        name if name in there else f"NULL::{kind} AS {name}" for name, kind in _TYPES.items()
    )
    unit = f"starts_with(event_ref, {literal(UNIT_REF)})"
    scored = (
        f"SELECT score_id, scored_at, {columns}, unnest(CASE WHEN {unit} "  # noqa: S608
        'THEN from_json(event_ref, \'{"members":[["VARCHAR"]]}\').members '
        "ELSE [[event_ref, event_id]] END) AS event "
        f"FROM {parquet(store.segments.intact(segment) for segment in scores)} "
        f"WHERE stage = 'live' AND (event_ref = {literal(stream)} OR {unit})"
    )
    return (
        f"SELECT event[2] AS event_id, {', '.join(_TYPES)} FROM ({scored}) "  # noqa: S608
        f"WHERE event[1] = {literal(stream)} QUALIFY row_number() "
        "OVER (PARTITION BY event[2] ORDER BY scored_at DESC, score_id) = 1"
    )
