"""Notices events that are added again under another id because one of their values changed.

Without an id column, a row that differs in any value is a separate event; the same holds for every
row that is loaded with ids into a stream loaded without them. But where a column identifies each
event, and an event of the stream has the same identifier and time, it is most likely the same
event.
"""

import re
from collections.abc import Sequence

import duckdb

from scoreback.sql import identifier

_SAMPLE = 1_000  # how many new rows are examined to find an identifying column
_COLUMNS = 100  # how many columns are examined
_MOST = 0.5  # the share of the sample known by identifier and time that is more than chance
# how many of these columns are tried
_NAMES = re.compile(r"(^|[^a-z])(u?id|guid|uuid|key|number|ticket)$|(Id|ID)$")


def named_alike(
    connection: duckdb.DuckDBPyConnection, row: str, columns: Sequence[str]
) -> tuple[str, int] | None:
    """The column that identifies events, and how many new rows repeat a stored one; None if none.

    Args:
        connection: has the views ``staged`` (``event_time``, *columns* and a position called *row*)
            and ``there``, and the table ``fresh``, with the positions of the new rows.
        row: the name of the position column in ``staged``.
        columns: the columns that both views have.
    """
    connection.execute(
        "CREATE TEMP TABLE looked_at AS SELECT s.* FROM staged s JOIN (SELECT position FROM fresh"  # noqa: S608
        f" ORDER BY position LIMIT {_SAMPLE}) f ON f.position = s.{identifier(row)}"
    )
    best: tuple[float, bool, int, str] | None = None
    for place, name in enumerate(_unique(connection, columns)):
        share = _known(connection, "looked_at", name) / _rows(connection, "looked_at")
        found = (share, _NAMES.search(name) is not None, -place, name)
        if share >= _MOST and (best is None or found > best):
            best = found
    connection.execute("DROP TABLE looked_at")
    if best is None:
        return None
    connection.execute(
        "CREATE TEMP VIEW added AS SELECT s.* FROM staged s JOIN fresh f"  # noqa: S608
        f" ON f.position = s.{identifier(row)}"
    )
    return best[-1], _known(connection, "added", best[-1])


def _unique(connection: duckdb.DuckDBPyConnection, columns: Sequence[str]) -> list[str]:
    """Those of *columns* with a different value in each examined row."""
    some = columns[:_COLUMNS]
    if not some:
        return []
    parts = ", ".join(
        f"count(DISTINCT {identifier(n)}) = count(*) AND min({identifier(n)}) <> ''" for n in some
    )
    told = connection.sql(f"SELECT {parts} FROM looked_at").fetchall()[0]  # noqa: S608
    return [name for name, unique in zip(some, told, strict=True) if unique]


def _known(connection: duckdb.DuckDBPyConnection, rows: str, name: str) -> int:
    """How many of *rows* have the same *name* and time as a stored event."""
    column = identifier(name)
    sql = (
        f"SELECT count(*) FROM {rows} s SEMI JOIN there k"  # noqa: S608 - names are ours or quoted
        f" ON k.{column} = s.{column} AND k.event_time = s.event_time"
    )
    return int(connection.sql(sql).fetchall()[0][0])


def _rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(connection.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0])  # noqa: S608
