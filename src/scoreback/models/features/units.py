"""Units of a group: which events belong to one, and the sums over them that become its row.

The definition. An event belongs to the unit of its group's values and of the window
``[k * every, (k + 1) * every)`` that contains its event time; windows count from 1970, in UTC. An
event that arrived later than its event time + ``lag`` is late and belongs to no unit; neither does
an event with none of the group's fields. If only some are missing, missing is a value like any
other: an event without a user still belongs to that host.

A unit's time is that of its last event, and it arrives at the last microsecond of its window +
``lag``, when no event can join it any more. So nothing in a unit is newer than its time. Units that
ended earlier, even in the same window, are its history, as earlier events are an event's. A unit's
time is at most ``every`` + ``lag`` before its arrival, so by the late rule no unit is late.

Only sums over the events are kept. Sums of sums are sums, however the events are divided, so a
unit is the same however the stream is cut, and a unit of a million events takes no more space than
another, except where values are counted one by one (``distinct``, ``most_common``). Readers promise
that each event comes once; the sums rely on it.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.engine import open_engine
from scoreback.models.detector.spec import Detector
from scoreback.models.detector.units import EVENTS, Reduced
from scoreback.models.features.reducers import (
    finished,
    reading_of,
    sums_of,
    value_of,
    with_values,
)
from scoreback.models.features.several_values import KEY, VALUES, FieldReader
from scoreback.naming import MEMBERS, UNIT_REF
from scoreback.records import EVENT_COLUMNS, EventBatch
from scoreback.sql import identifier, literal
from scoreback.times import EPOCH, micros, span

FIRST = "unit:first"  # column of a unit: the time of its first event, µs as text
_MEMORY_LIMIT = "1GB"
_BY_TIME = "(PARTITION BY unit ORDER BY time, id, ref)"

_VALUES = pa.schema(
    [("unit", pa.string()), ("start", pa.int64()), ("field", pa.int32()), ("value", pa.string()),
     ("events", pa.int64())]
)  # fmt: skip
_MEMBERS = pa.schema(
    [("unit", pa.string()), ("start", pa.int64()), ("time", pa.int64()), ("id", pa.string()),
     ("ref", pa.string())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """How a detector groups events into units."""

    group: tuple[str, ...]
    every: timedelta
    lag: timedelta
    reduced: tuple[Reduced, ...]

    @classmethod
    def of(cls, detector: Detector) -> Self | None:
        """The plan of *detector*; None where each event is a unit."""
        unit = detector.group
        return None if unit is None else cls(unit.group, unit.every, detector.lag, unit.reduced)

    def window_of(self, moment: datetime) -> datetime:
        """The start of the window that contains *moment*."""
        return moment - (moment - EPOCH) % self.every


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over the events of some units; ``start`` is the start of a unit's window, µs."""

    units: pa.Table
    values: pa.Table  # how often each value occurred, for reducers that need it
    members: pa.Table  # at most `MEMBERS` events of each unit

    @property
    def num_rows(self) -> int:
        """Rows of the three tables together."""
        return int(self.units.num_rows + self.values.num_rows + self.members.num_rows)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self.units.nbytes + self.values.nbytes + self.members.nbytes)

    def between(self, since: int, until: int) -> "Sums":
        """The sums of units whose windows begin in ``[since, until)``, µs."""
        tables = (self.units, self.values, self.members)
        return Sums(*(t.filter(_starts_in(t["start"], since, until)) for t in tables))


@dataclass(frozen=True, slots=True)
class Grouped:
    """The sums over one batch, and where each of its events went."""

    sums: Sums
    unit: pa.ChunkedArray  # each event's unit, in the batch's order; null if it has none
    late: int
    ungrouped: int  # events with none of the group's fields


@dataclass(frozen=True, slots=True)
class UnitRows:
    """Units as events: `EVENT_COLUMNS`, the key, the reduced fields, and `FIRST`."""

    table: pa.Table
    uncast: Mapping[str, int]  # reduced field → number of unreadable values


class UnitQueries:
    """Turns events into sums and sums into units; holds one in-memory engine."""

    def __init__(self, plan: UnitPlan, *, members: bool = True, spill: Path | None = None) -> None:
        """Prepare the queries of *plan*; without *members* a unit's ref names no events.

        If given, the folder *spill* takes what does not fit into memory.
        """
        self._plan, self._with_members = plan, members
        self._engine = open_engine(_MEMORY_LIMIT, threads=1, spill=spill)
        self._keys = [f"g{i}" for i in range(len(plan.group))]
        self._sums = [each for i, r in enumerate(plan.reduced) for each in sums_of(i, r)]
        self._schema = pa.schema(
            [("unit", pa.string()), ("start", pa.int64())]
            + [(key, pa.string()) for key in self._keys]
            + [("events", pa.int64()), ("first", pa.int64()), ("last", pa.int64())]
            + [(each.name, each.type) for each in self._sums]
        )

    @property
    def nothing(self) -> Sums:
        """Sums over no events."""
        empty = (schema.empty_table() for schema in (self._schema, _VALUES, _MEMBERS))
        return Sums(*empty)

    def group(self, events: EventBatch) -> Grouped:
        """Sum up *events* by unit."""
        reader = FieldReader(events.batch)
        keyed = self._query(_keyed(self._plan, reader), batch=pa.Table.from_batches([reader.batch]))
        listed = {i for i, r in enumerate(self._plan.reduced) if _is_listed(r, reader)}
        members = keyed.filter(pc.is_valid(keyed["unit"]))
        sums = Sums(
            self._query(self._of_events(listed), keyed=members).cast(self._schema),
            self._query(self._values_of_events(listed), keyed=members).cast(_VALUES),
            self._capped(members.select(_MEMBERS.names).cast(_MEMBERS)),
        )
        late = int(pc.sum(keyed["late"]).as_py() or 0)
        return Grouped(sums, keyed["unit"], late, keyed.num_rows - late - members.num_rows)

    def merged(self, portions: Sequence[Sums]) -> Sums:
        """The sums over all *portions*, sorted by unit."""
        units = pa.concat_tables([self._schema.empty_table(), *(p.units for p in portions)])
        values = pa.concat_tables([_VALUES.empty_table(), *(p.values for p in portions)])
        members = pa.concat_tables([_MEMBERS.empty_table(), *(p.members for p in portions)])
        return Sums(
            self._query(self._of_sums(), sums=units).cast(self._schema),
            self._query(
                "SELECT unit, start, field, value, sum(events)::BIGINT AS events FROM sums"
                " GROUP BY ALL ORDER BY unit, field, value",
                sums=values,
            ).cast(_VALUES),
            self._capped(members),
        )

    def rows(self, sums: Sums) -> UnitRows:
        """The units of *sums*, which must be merged and complete, sorted by time, then id."""
        reduced = self._plan.reduced
        table = self._query(
            self._finished(), units=sums.units, counted=sums.values, named=sums.members
        )
        fields = [*self._plan.group, *(r.name for r in reduced), FIRST]
        schema = pa.schema([*EVENT_COLUMNS, *(pa.field(name, pa.string()) for name in fields)])
        uncast: dict[str, int] = {}
        for i, each in enumerate(reduced):
            if f"bad{i}" in sums.units.column_names:
                count = int(pc.sum(sums.units[f"bad{i}"]).as_py() or 0)
                if count:
                    uncast[f"{each.reducer} of {each.field}"] = count
        return UnitRows(table.cast(schema), uncast)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def complete_before(self, arrived: datetime) -> int:
        """The start, µs, of the first window that events arriving from *arrived* on may still join.

        Its unit is the first that arrives at *arrived* or later.
        """
        return micros(self._plan.window_of(arrived - self._plan.lag))

    def _of_events(self, listed: Container[int]) -> str:
        columns = ", ".join(["unit", "start", *self._keys])
        kept = (
            each
            for i, reduced in enumerate(self._plan.reduced)
            for each in sums_of(i, reduced, listed=i in listed)
        )
        sums = "".join(f", {each.of_events} AS {each.name}" for each in kept)
        return (
            f"SELECT {columns}, count(*) AS events, min(time) AS first, max(time) AS last{sums} "  # noqa: S608
            f"FROM keyed GROUP BY {columns} ORDER BY unit"
        )

    def _of_sums(self) -> str:
        keys = "".join(f", first({key}) AS {key}" for key in self._keys)
        sums = "".join(f", {each.of_sums} AS {each.name}" for each in self._sums)
        return (
            f"SELECT unit, first(start) AS start{keys}, sum(events)::BIGINT AS events, "  # noqa: S608
            f"min(first) AS first, max(last) AS last{sums} FROM sums GROUP BY unit ORDER BY unit"
        )

    def _values_of_events(self, listed: Container[int]) -> str:
        parts = [
            f"SELECT unit, start, {i} AS field, value, count(*) AS events FROM (SELECT unit, start,"  # noqa: S608
            f" {f'unnest(v{i})' if i in listed else f'v{i}'} AS value FROM keyed)"
            " WHERE value IS NOT NULL GROUP BY ALL"
            for i, each in enumerate(self._plan.reduced)
            if with_values(each)
        ]
        none = "SELECT unit, start, 0 AS field, unit AS value, 0 AS events FROM keyed WHERE false"
        return " UNION ALL ".join(parts or [none]) + " ORDER BY unit, field, value"

    def _capped(self, members: pa.Table) -> pa.Table:
        if not self._with_members:
            return _MEMBERS.empty_table()
        return self._query(
            f"SELECT * FROM members QUALIFY row_number() OVER {_BY_TIME} <= {MEMBERS}"  # noqa: S608
            " ORDER BY unit, time, id, ref",
            members=members,
        ).cast(_MEMBERS)

    def _finished(self) -> str:
        plan = self._plan  # a field may have the name of one of our columns: qualify ours
        closes = f"units.start + {span(plan.every + plan.lag) - 1}"
        members = "',\"members\":' || coalesce(names.list, '[]') || '}'"
        ref = f"{literal(UNIT_REF)} || units.events || {members}"
        columns = [
            "units.unit AS event_id",
            f"{ref} AS event_ref",
            "make_timestamptz(units.last) AS event_time",
            f"make_timestamptz({closes}) AS arrival_time",
        ]
        columns += [
            f"{key} AS {identifier(name)}" for key, name in zip(self._keys, plan.group, strict=True)
        ]
        columns += [f"{finished(i, r)} AS {identifier(r.name)}" for i, r in enumerate(plan.reduced)]
        columns.append(f"units.first::VARCHAR AS {identifier(FIRST)}")
        joins = "".join(
            f" LEFT JOIN ({value_of(i, r)}) most{i} ON most{i}.unit = units.unit"
            for i, r in enumerate(plan.reduced)
            if with_values(r)
        )
        return (
            f"SELECT {', '.join(columns)} FROM units LEFT JOIN (SELECT unit, "  # noqa: S608
            "to_json(list([ref, id] ORDER BY time, id, ref))::VARCHAR AS list FROM named"
            f" GROUP BY unit) names ON names.unit = units.unit{joins}"
            " ORDER BY units.last, units.unit"
        )

    def _query(self, sql: str, **tables: pa.Table) -> pa.Table:
        for name, table in tables.items():
            self._engine.register(name, table)
        try:
            return self._engine.sql(sql).to_arrow_table()
        finally:
            for name in tables:
                self._engine.unregister(name)


def _is_listed(reduced: Reduced, reader: FieldReader) -> bool:
    """Whether the values of *reduced* come as one list per event of the batch."""
    return reading_of(reduced) == VALUES and reader.holds_lists(reduced.field)


def _values(reduced: Reduced, reader: FieldReader) -> str:
    """SQL for the value of each event that is reduced: a text, or a list of texts."""
    reading = reading_of(reduced)
    name = identifier(reader.column(reduced.field, reading) if reading else reduced.field)
    return name if _is_listed(reduced, reader) else f"nullif({name}, '')"


def _keyed(plan: UnitPlan, reader: FieldReader) -> str:
    """SQL for the unit of each event in a batch, and the values to sum."""
    every, lag = span(plan.every), span(plan.lag)
    present = [f"nullif({identifier(reader.column(name, KEY))}, '')" for name in plan.group]
    # A unit's id includes the field names and the width, so that no other grouping shares it.
    what = ",".join(f"{len(name)}:{name}" for name in plan.group) + f"/{every}"
    key = " || ',' || ".join(f"coalesce(length({v}) || ':' || {v}, '-')" for v in present)
    keys = "".join(f", {v} AS g{i}" for i, v in enumerate(present))
    values = "".join(
        f", {_values(r, reader)} AS v{i}" for i, r in enumerate(plan.reduced) if r.field != EVENTS
    )
    return f"""
        SELECT *, CASE WHEN NOT late AND coalesce({", ".join(f"g{i}" for i in range(len(present)))})
            IS NOT NULL THEN 'unit-' || left(sha256({literal(what)} || '/' || start || '/' || key),
            32) END AS unit
        FROM (SELECT *, time - ((time % {every}) + {every}) % {every} AS start
            FROM (SELECT epoch_us(event_time) AS time, event_id AS id, event_ref AS ref,
                epoch_us(arrival_time) - epoch_us(event_time) > {lag} AS late,
                {key} AS key{keys}{values} FROM batch))
    """  # noqa: S608 - names are quoted


def _starts_in(starts: pa.ChunkedArray, since: int, until: int) -> pa.ChunkedArray:
    return pc.and_(pc.greater_equal(starts, since), pc.less(starts, until))
