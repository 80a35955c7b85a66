"""Reads the fields that scores copied from the events that opened alerts."""

from collections.abc import Sequence

from scoreback.connectors.local.storage.compaction import kept_while_read
from scoreback.connectors.local.storage.engine import engine, parquet
from scoreback.connectors.local.storage.segments import listed
from scoreback.connectors.local.storage.store import Store
from scoreback.records import SCORE_COLUMNS, SHOWN_STAGES, Alert
from scoreback.sql import identifier, literal
from scoreback.times import micros

_OURS = frozenset({*SCORE_COLUMNS.names, "received_at"})


def fields_of(store: Store, alerts: Sequence[Alert]) -> dict[str, dict[str, str]]:
    """By alert id, the fields copied from its opening event; alerts without any are left out."""
    if not alerts:
        return {}
    times = [micros(one.event_time) for one in alerts]
    with kept_while_read(store):
        with store.ledger.reading() as connection:
            found = listed(connection, "scores")
        found = [s for s in found if s.min_event <= max(times) and s.max_event >= min(times)]
        names = sorted({name for segment in found for name in segment.columns} - _OURS)
        if not names:
            return {}
        ids = ", ".join(literal(one.event_id) for one in alerts)
        stages = ", ".join(literal(one.value) for one in SHOWN_STAGES)
        columns = ", ".join(map(identifier, ("detector", "version", "event_id", *names)))
        sql = (
            f"SELECT {columns} "  # noqa: S608 - names and texts are quoted
            f"FROM {parquet(store.segments.intact(segment) for segment in found)} "
            f"WHERE stage IN ({stages}) AND event_id IN ({ids})"
        )
        with engine(store.staging) as opened:
            rows = opened.sql(sql).fetchall()
    by_event = {row[:3]: row[3:] for row in rows}
    fields = {}
    for one in alerts:
        values = by_event.get((one.detector, one.version, one.event_id), ())
        said = {name: str(v) for name, v in zip(names, values, strict=False) if v is not None}
        if said:
            fields[one.alert_id] = said
    return fields
