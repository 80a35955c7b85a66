"""Values that events get after they were stored, such as labels: added, never changed.

An event stays as it was loaded. Where a later load gives a field another value, that value is
stored beside the event with the time of the load, so that Scoreback can always tell what was known
at a given moment.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.segments import Source
from scoreback.records import TIME
from scoreback.times import micros

CHANGES = pa.schema([("event_id", pa.string()), ("field", pa.string()), ("value", pa.string())])


def add_values(
    connection: sa.Connection, stream: str, changes: pa.Table, at: datetime, source: Source | None
) -> None:
    """Add *changes* (`CHANGES`), known from *at* on, within a writing transaction."""
    shared = {
        "stream": stream,
        "known_at": micros(at),
        "source": None if source is None else source.sha256,
        "name": None if source is None else source.name,
    }
    rows = [row | shared for row in changes.to_pylist()]
    if rows:
        connection.execute(sqlite.insert(ledger.later_values).on_conflict_do_nothing(), rows)


def forget_values(
    connection: sa.Connection, stream: str, event_ids: Iterable[Sequence[str]]
) -> None:
    """Delete the later values of events that are unloaded, within a writing transaction."""
    of = ledger.later_values.c
    gone = ledger.later_values.delete().where(
        of.stream == stream, of.event_id == sa.bindparam("gone")
    )
    for ids in event_ids:
        if ids:
            connection.execute(gone, [{"gone": event_id} for event_id in ids])


def fields_with_values(connection: sa.Connection, streams: Iterable[str]) -> set[str]:
    """Names of the fields that got later values in events of *streams*."""
    of = ledger.later_values.c
    query = sa.select(of.field).distinct().where(of.stream.in_(list(streams)))
    return set(connection.scalars(query))


def was_loaded(connection: sa.Connection, stream: str, sha256: str) -> bool:
    """Whether the export with *sha256* has already given later values to events of *stream*."""
    of = ledger.later_values.c
    query = sa.select(of.value_id).where(of.stream == stream, of.source == sha256).limit(1)
    return connection.scalar(query) is not None


def values_of(connection: sa.Connection, streams: Iterable[str], fields: Sequence[str]) -> pa.Table:
    """``event_id``, ``known_at`` and *fields*, ordered by time: one row per event and load.

    A field that the load did not change is null in its row.
    """
    of = ledger.later_values.c
    told = [sa.func.max(sa.case((of.field == name, of.value))) for name in fields]
    query = (
        sa.select(of.event_id, of.known_at, *told)
        .where(of.stream.in_(list(streams)), of.field.in_(list(fields)))
        .group_by(of.event_id, of.known_at)
        .order_by(of.known_at, of.event_id)
    )
    rows = connection.execute(query).all()
    columns = list(zip(*rows, strict=True)) or [()] * (2 + len(fields))
    arrays = [
        pa.array(columns[0], pa.string()),
        pa.array(columns[1], pa.int64()).cast(TIME),
        *(pa.array(column, pa.string()) for column in columns[2:]),
    ]
    return pa.Table.from_arrays(arrays, names=["event_id", "known_at", *fields])
