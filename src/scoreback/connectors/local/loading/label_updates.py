"""Finds what an export says about known events that differs from what is stored.

That is how events that were loaded without labels get them. The caller names the columns that hold
labels, or they are guessed: a label has few distinct values. What else changed beside a label, such
as when it was given and by whom, is stored too; changes in other columns are only counted.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from scoreback.connectors.doors.intake import LabelUpdate
from scoreback.connectors.local.storage.later_values import CHANGES
from scoreback.sql import identifier, literal

LABEL_VALUES = 50  # a label column has at most this many distinct values among its changed cells
_COLUMNS_AT_ONCE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Updates:
    """The changes that a load brings to known events."""

    changes: pa.Table  # `CHANGES`
    labels: Mapping[str, LabelUpdate]  # field → what happened to its labels
    others: Mapping[str, int]  # field without labels → events with another value in it


NONE = Updates(changes=CHANGES.empty_table(), labels={}, others={})


def updates(
    connection: duckdb.DuckDBPyConnection,
    columns: Sequence[str],
    stored: Collection[str],
    later: pa.Table,
    asked: Collection[str],
) -> Updates:
    """Compare the views ``told`` and ``known``, which have one row per event, by ``event_id``.

    Args:
        connection: has both views: what the export says about known events, and what is stored.
        columns: the columns of ``told``, without the keys.
        stored: the columns of ``known``.
        later: what earlier loads changed since, as `values_of` returns it.
        asked: columns that hold labels; if empty, they are guessed.
    """
    names = [name for name in columns if not asked or name in asked or name in stored]
    before = _before(connection, names, stored, later)
    counted: dict[str, tuple[int, int, int]] = {}
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        some = names[start : start + _COLUMNS_AT_ONCE]
        counted |= _counted(connection, some, before)
    changed = {name: count for name, count in counted.items() if count[0] + count[1]}
    labels = [
        name
        for name, (*count, different) in changed.items()
        if name in asked or (not asked and _alike(count, different))
    ]
    if not labels:
        others = {name: count[0] + count[1] for name, count in changed.items()}
        return Updates(changes=NONE.changes, labels={}, others=others)
    update = {name: LabelUpdate(new=changed[name][0], changed=changed[name][1]) for name in labels}
    some_label = " OR ".join(_differs(name, before) for name in labels)
    parts = [
        f"SELECT k.event_id, {literal(name)} AS field, t.{identifier(name)} AS value FROM {_JOINED}"  # noqa: S608
        f" WHERE ({some_label}) AND {_differs(name, before)}"
        for name in changed
    ]
    query = " UNION ALL ".join(parts) + " ORDER BY event_id, field"
    changes = connection.sql(query).to_arrow_table().cast(CHANGES)
    along = set(changes.column("field").unique().to_pylist())
    others = {n: count[0] + count[1] for n, count in changed.items() if n not in along}
    return Updates(changes=changes, labels=update, others=others)


def _alike(counts: Sequence[int], different: int) -> bool:
    """Whether the distinct values are as few as a label has; other columns differ in each row."""
    return different <= min(LABEL_VALUES, max(3, sum(counts) // 2))


_JOINED = "told t JOIN known k USING (event_id) LEFT JOIN since l USING (event_id)"


def _before(
    connection: duckdb.DuckDBPyConnection,
    names: Sequence[str],
    stored: Collection[str],
    later: pa.Table,
) -> dict[str, str]:
    """SQL for each column's previous value; the view ``since`` holds what later loads changed."""
    told = [name for name in later.column_names[2:] if name in names]
    connection.register("all_since", later)
    latest = ", ".join(
        f"last({identifier(n)} ORDER BY known_at) FILTER ({identifier(n)} IS NOT NULL)"
        f" AS {identifier(n)}"
        for n in told
    )
    connection.execute(
        f"CREATE TEMP TABLE since AS SELECT event_id{', ' if told else ''}{latest}"  # noqa: S608
        " FROM all_since GROUP BY event_id"
    )
    before = {}
    for name in names:
        parts = [f"l.{identifier(name)}"] * (name in told) + [f"k.{identifier(name)}"] * (
            name in stored
        )
        before[name] = f"coalesce({', '.join(parts)}, '')" if parts else "''"
    return before


def _differs(name: str, before: Mapping[str, str]) -> str:
    return f"(coalesce(t.{identifier(name)}, '') NOT IN ('', {before[name]}))"


def _counted(
    connection: duckdb.DuckDBPyConnection, names: Sequence[str], before: Mapping[str, str]
) -> dict[str, tuple[int, int, int]]:
    """By column: events that got a value, events whose value changed, and distinct values."""
    parts = []
    for name in names:
        differs, was_empty = _differs(name, before), f"{before[name]} = ''"
        parts += [
            f"count(*) FILTER ({differs} AND {was_empty})",
            f"count(*) FILTER ({differs} AND NOT {was_empty})",
            f"count(DISTINCT t.{identifier(name)}) FILTER ({differs})",
        ]
    row = connection.sql(f"SELECT {', '.join(parts)} FROM {_JOINED}").fetchall()[0]  # noqa: S608
    return {
        name: (int(row[3 * i]), int(row[3 * i + 1]), int(row[3 * i + 2]))
        for i, name in enumerate(names)
    }
