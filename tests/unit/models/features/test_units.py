"""Units of a group against their definition, and online against batch, however events come."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.errors import StateError
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.detector.units import EVENTS, Reduced
from scoreback.models.features import whole_units as grouping
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.online_units import OnlineUnits
from scoreback.models.features.state_files import StateFiles
from scoreback.models.features.units import FIRST, UnitPlan, UnitQueries
from scoreback.models.features.whole_history import feature_rows
from scoreback.models.features.whole_units import Grouping
from scoreback.multivalue import cell, values_of
from scoreback.naming import MEMBERS, members_of
from scoreback.records import EVENT_COLUMNS, EventBatch, TimeWindow

START = datetime(2026, 1, 1, tzinfo=UTC)
END = START + timedelta(seconds=2000)
LAG = timedelta(seconds=30)
FIELDS = ("host.name", "user.name", "bytes", "flag")
REDUCED = (
    Reduced("bytes", "sum", "bytes"),
    Reduced("events", "count", EVENTS),
    Reduced("first", "first", "bytes"),
    Reduced("flag", "any", "flag"),
    Reduced("last", "last", "bytes"),
    Reduced("largest", "max", "bytes"),
    Reduced("mean", "mean", "bytes"),
    Reduced("most", "most_common", "bytes"),
    Reduced("smallest", "min", "bytes"),
    Reduced("values", "distinct", "bytes"),
    Reduced("with", "count", "flag"),
)
UNITS = UnitPlan(("host.name", "user.name"), timedelta(minutes=1), LAG, REDUCED)
NAMES = ("host.name", "user.name", *(r.name for r in REDUCED))
PLAN = FeaturePlan(
    (
        EventFeature(kind="number", field="bytes", name="bytes"),
        EventFeature(kind="category", field="most", name="most"),
        WindowFeature(
            kind="count", field=None, by=("host.name",), over=timedelta(minutes=5), name="units"
        ),
        WindowFeature(
            kind="sum", field="events", by=("host.name",), over=timedelta(minutes=5), name="events"
        ),
    ),
    LAG + UNITS.every,
)

Event = tuple[int, int, str | None, str | None, str | None, str | None]  # time s, delay s, fields

events_of = st.lists(
    st.tuples(
        st.integers(0, 600),
        st.sampled_from([0, 0, 0, 1, 29, 30, 31, 200]),
        st.sampled_from(["a", "b", "", None, "ünï", "a,-", cell(["b", "a"]), cell(["a", "b"])]),
        st.sampled_from(["x", "y", "", None]),
        st.sampled_from(
            [
                "1",
                "-2.5",
                "0.001",
                "8e15",
                "-9e15",
                "z",
                None,
                "",
                "nan",
                "1e300",
                cell(["1", "z"]),
                cell(["7", "1", "7"]),
                cell(["1", "7"]),
                cell(["nan", "1e300"]),
            ]
        ),
        st.sampled_from(
            [
                "true",
                "False",
                "1",
                "no",
                "perhaps",
                "",
                None,
                cell(["no", "true"]),
                cell(["perhaps", "no"]),
            ]
        ),
    ),
    max_size=40,
)


def batch_of(events: Sequence[Event], ids: Sequence[int] | None = None) -> EventBatch:
    columns: list[list[object]] = [
        [f"e{i:04}" for i in ids or range(len(events))],
        ["alerts"] * len(events),
        [START + timedelta(seconds=e[0]) for e in events],
        [START + timedelta(seconds=e[0] + e[1]) for e in events],
    ]
    columns += [[e[2 + n] for e in events] for n in range(len(FIELDS))]
    schema = pa.schema([*EVENT_COLUMNS, *(pa.field(f, pa.string()) for f in FIELDS)])
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
    return EventBatch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def units_of(batches: Sequence[EventBatch], until: datetime = END) -> pa.Table:
    found = Grouping(UNITS, START, until, members=True)
    for batch in batches:
        found.add(batch)
    tables = [pa.Table.from_batches([unit.batch]) for unit in found.units()]
    found.close()
    return pa.concat_tables(tables) if tables else pa.table({})


def as_set(text: str | None) -> str | None:
    return cell(sorted(set(values_of(text)))) if text else None


def by_definition(events: Sequence[Event]) -> dict[tuple[object, ...], dict[str, object]]:
    """The docstrings of `units` and `reducers` in plain Python, one event at a time."""
    groups: dict[tuple[object, ...], list[tuple[int, str, Event]]] = {}
    for i, event in enumerate(events):
        key = (as_set(event[2]), event[3] or None)
        if event[1] <= 30 and key != (None, None):
            groups.setdefault((event[0] // 60, *key), []).append((event[0], f"e{i:04}", event))
    found: dict[tuple[object, ...], dict[str, object]] = {}
    for unit, members in groups.items():
        members.sort()
        texts = [e[4] for _, _, e in members if e[4]]
        flags = [e[5] for _, _, e in members if e[5]]
        said = [f.lower() for text in flags for f in values_of(text)]
        known = [f in ("true", "1") for f in said if f != "perhaps"]
        values = [value for text in texts for value in values_of(text)]
        numbers = [float(t) for t in values if t not in ("z", "nan")]
        sets = [as_set(text) for text in texts]
        sums = [round(n * 1000) for n in numbers if abs(n) <= 9e15]
        found[unit] = {
            "bytes": sum(sums) / 1000 if sums else None,
            "events": float(len(members)),
            "first": texts[0] if texts else None,
            "flag": str(any(known)).lower() if known else None,
            "last": texts[-1] if texts else None,
            "largest": max(numbers, default=None),
            "mean": sum(sums) / 1000 / len(sums) if sums else None,
            "most": min(set(sets), key=lambda t: (-sets.count(t), t), default=None),
            "smallest": min(numbers, default=None),
            "values": float(len(set(values))),
            "with": float(len(flags)),
            "members": [["alerts", name] for _, name, _ in members],
        }
    return found


def as_defined(table: pa.Table) -> dict[tuple[object, ...], dict[str, object]]:
    texts = ("first", "flag", "last", "most")
    found: dict[tuple[object, ...], dict[str, object]] = {}
    for row in table.to_pylist():
        minute = (row["event_time"] - START) // timedelta(minutes=1)
        values = {
            name: value if value is None or name in texts else float(value)
            for name, value in row.items()
            if name in NAMES[2:]
        }
        values["members"] = json.loads(row["event_ref"])["members"]
        found[minute, row["host.name"], row["user.name"]] = values
    return found


@given(events_of)
@settings(max_examples=40)
def test_a_unit_is_what_the_definition_says(events: list[Event]) -> None:
    found = as_defined(units_of([batch_of(events)])) if events else {}
    expected = by_definition(events)
    assert found.keys() == expected.keys()
    for unit, values in expected.items():
        for name, value in values.items():
            if isinstance(value, float) and value:
                assert found[unit][name] == pytest.approx(value, rel=1e-12), name
            else:
                assert found[unit][name] == value, name


@given(events_of, st.randoms(use_true_random=False), st.integers(1, 7))
@settings(max_examples=20)
def test_neither_order_nor_batches_change_a_unit(
    events: list[Event], random: object, size: int
) -> None:
    if not events:
        return
    order = list(range(len(events)))
    random.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    parts = [order[i : i + size] for i in range(0, len(order), size)]
    before, grouping.MERGE_AT = grouping.MERGE_AT, 5
    try:
        found = units_of([batch_of([events[i] for i in part], part) for part in parts])
    finally:
        grouping.MERGE_AT = before
    assert found.equals(units_of([batch_of(events)]))


def online(
    events: Sequence[Event], cuts: Sequence[int], folder: Path, *, restart: bool = False
) -> pa.Table:
    """Rows of the units that closed, in steps that end at *cuts*; nothing new may arrive in one."""
    whole = pa.Table.from_batches([batch_of(events).batch])
    carried = (*NAMES, FIRST)
    engine, state, since, parts = OnlineUnits(UNITS, PLAN, folder, carried), StateFiles(), START, []
    for cut in [*sorted(cuts), 2000]:
        ready = max(since, START + timedelta(seconds=cut))
        arrival = whole["arrival_time"]
        arrived = whole.filter(pc.and_(pc.greater_equal(arrival, since), pc.less(arrival, ready)))
        # As in a run: the watermark goes to the last arrival, but what is ready, to the clock.
        until = since
        if arrived.num_rows:
            until = pc.max(arrived["arrival_time"]).as_py() + timedelta(microseconds=1)
        window = TimeWindow(since=since, until=until)
        for _ in range(2 if restart else 1):  # killed before it was committed, it is done again
            step = engine.step(arrived, window, state, ready_until=ready, score_since=START)
        parts.append(step.rows)
        state, since = step.state, until
        engine.forget_others(state)
        if restart:
            engine.close()
            engine = OnlineUnits(UNITS, PLAN, folder, carried)
    engine.close()
    assert state.pending is not None
    assert not sum(pq.read_table(path).num_rows for path in (folder / "open").iterdir())
    return pa.concat_tables(parts).sort_by([("event_time", "ascending"), ("event_id", "ascending")])


@given(events_of, st.lists(st.integers(1, 900), max_size=6), st.booleans())
@settings(max_examples=12)
def test_units_and_their_cells_are_the_same_however_the_stream_is_cut(
    events: list[Event], cuts: list[int], restart: bool
) -> None:
    if not events:
        return
    with TemporaryDirectory() as folder:
        found = online(events, cuts, Path(folder), restart=restart)
    group = Grouping(UNITS, START, END, members=True)
    group.add(batch_of(events))
    expected = feature_rows(PLAN, group.units(), since=START, fields=(*NAMES, FIRST)).rows
    if expected.num_rows:
        assert found.equals(expected)
    else:
        assert not found.num_rows


@given(events_of, st.integers(0, 900))
@settings(max_examples=20)
def test_what_arrives_later_changes_no_closed_unit(events: list[Event], cut: int) -> None:
    until = START + timedelta(seconds=cut)
    arrived = [i for i, e in enumerate(events) if e[0] + e[1] < cut]
    if not arrived:
        return
    early = units_of([batch_of([events[i] for i in arrived], arrived)], until)
    whole = units_of([batch_of(events)])
    if early.num_rows:
        assert early.equals(whole.slice(0, early.num_rows))


def test_a_unit_closes_when_its_window_and_the_lag_are_past_and_not_before() -> None:
    batch = batch_of([(5, 0, "a", "x", "1", None)])
    closes = START + timedelta(seconds=90)
    assert units_of([batch], closes - timedelta(microseconds=1)).num_rows == 0
    (unit,) = units_of([batch], closes).to_pylist()
    assert unit["event_time"] == START + timedelta(seconds=5)
    assert unit["arrival_time"] == closes - timedelta(microseconds=1)


def test_late_events_and_those_without_any_key_belong_to_no_unit_and_are_counted() -> None:
    found = Grouping(UNITS, START, END)
    unit = found.add(
        batch_of(
            [
                (5, 30, "a", "x", "1", None),
                (5, 31, "a", "x", "2", None),
                (5, 0, None, "", "3", None),
                (5, 0, None, "x", "4", None),
            ]
        )
    )
    assert [name is None for name in unit.to_pylist()] == [False, True, True, False]
    assert (found.late, found.ungrouped) == (1, 1)
    found.close()


def test_a_missing_part_of_the_key_is_a_value_like_another() -> None:
    found = as_defined(
        units_of([batch_of([(5, 0, "a", None, "1", None), (6, 0, "a", "", "2", None)])])
    )
    assert found[0, "a", None]["events"] == 2.0


@given(events_of, st.integers(0, 600), st.integers(31, 7200))
@settings(max_examples=20)
def test_a_clock_that_is_set_back_changes_no_unit_of_others(
    events: list[Event], at: int, change: int
) -> None:
    """A sensor whose clock is set back stamps its events too early: they arrive late."""
    on_time = [e for e in events if e[1] <= 30]
    if not on_time:
        return
    stamped = [(e[0] - change, e[1] + change, *e[2:]) for e in on_time if e[0] > at]
    found = Grouping(UNITS, START - timedelta(days=1), END, members=True)
    found.add(batch_of([*on_time, *stamped]))
    mixed = [pa.Table.from_batches([unit.batch]) for unit in found.units()]
    found.close()
    assert found.late == len(stamped)
    alone = units_of([batch_of(on_time)])
    assert not alone.num_rows if not mixed else pa.concat_tables(mixed).equals(alone)


def test_events_before_1970_have_windows_too() -> None:
    long_ago = int((datetime(1969, 12, 31, 23, 59, 30, tzinfo=UTC) - START).total_seconds())
    found = Grouping(UNITS, datetime(1969, 1, 1, tzinfo=UTC), END)
    found.add(batch_of([(long_ago + i, 0, "a", "x", "1", None) for i in (0, 40)]))
    (batch,) = found.units()
    times = [t.strftime("%H:%M:%S") for t in batch.batch["event_time"].to_pylist()]
    assert times == ["23:59:30", "00:00:10"]
    found.close()


def test_what_a_reducer_cannot_read_is_counted_and_no_crash() -> None:
    found = Grouping(UNITS, START, END)
    found.add(batch_of([(5, 0, "a", "x", "attack", "perhaps"), (6, 0, "a", "x", "1", "true")]))
    (batch,) = found.units()
    assert batch.batch["bytes"].to_pylist() == ["1"]
    assert found.uncast == {
        "sum of bytes": 1, "any of flag": 1, "max of bytes": 1, "mean of bytes": 1,
        "min of bytes": 1,
    }  # fmt: skip
    found.close()


def test_of_a_million_events_in_one_unit_no_more_is_held_than_the_names_of_the_first() -> None:
    queries, size = UnitQueries(UNITS), 20_000
    sums = queries.nothing
    same = pa.Table.from_batches([batch_of([(5, 0, "a", "x", "1", None)]).batch])
    for portion in range(50):
        ids = pa.array(np.arange(size) + portion * size).cast(pa.string())
        many = same.take(pa.array(np.zeros(size, dtype=np.int64))).set_column(0, "event_id", ids)
        whole = many.cast(same.schema).combine_chunks().to_batches()[0]
        sums = queries.merged([sums, queries.group(EventBatch(whole)).sums])
        assert sums.num_rows == 1 + 2 + MEMBERS  # the unit, its one value in two fields, names
    (unit,) = queries.rows(sums).table.to_pylist()
    members = members_of(unit["event_ref"])
    assert members is not None
    assert (members.events, unit["events"], unit["bytes"]) == (1_000_000, "1000000", "1000000")
    assert len(members.named) == MEMBERS
    queries.close()


def test_fields_may_be_called_like_columns_of_ours() -> None:
    names = ("unit", "start", "time", "key", "late", "list", "pick0", "g0", "last", "id", "batch")
    plan = UnitPlan(("unit",), UNITS.every, LAG, tuple(Reduced(n, "first", n) for n in names[1:]))
    batch = batch_of([(i, 0, "a", "x", "1", None) for i in (50, 5)]).batch
    for i, name in enumerate(names):
        batch = batch.append_column(name, pa.array([f"{name}-x", f"{name}-{9 - i}"]))
    queries = UnitQueries(plan)
    rows = queries.rows(queries.merged([queries.group(EventBatch(batch)).sums])).table
    assert [t.second for t in rows["event_time"].to_pylist()] == [5, 50]
    assert rows["list"].to_pylist() == ["list-4", "list-x"]
    assert rows["unit"].to_pylist() == ["unit-9", "unit-x"]
    queries.close()


def test_an_event_that_a_siem_shows_after_its_unit_has_closed_is_late(tmp_path: Path) -> None:
    engine, state = OnlineUnits(UNITS, PLAN, tmp_path, NAMES), StateFiles()
    whole = pa.Table.from_batches(
        [batch_of([(5, 0, "a", "x", "1", None), (6, 1, "a", "x", "2", None)]).batch]
    )
    found = []
    since = START
    for shown, seconds in ((whole.slice(0, 1), 95), (whole.slice(1, 1), 100)):
        until = pc.max(shown["arrival_time"]).as_py() + timedelta(microseconds=1)
        step = engine.step(
            shown, TimeWindow(since=since, until=until), state,
            ready_until=START + timedelta(seconds=seconds), score_since=START,
        )  # fmt: skip
        since, state = until, step.state
        found.append((step.rows["field:events"].to_pylist(), step.late))
    assert found == [(["1"], 0), ([], 1)]
    engine.close()


def test_damaged_open_units_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    engine = OnlineUnits(UNITS, PLAN, tmp_path, NAMES)
    window = TimeWindow(since=START, until=START + timedelta(seconds=10))
    table = pa.Table.from_batches([batch_of([(5, 0, "a", "x", "1", None)]).batch])
    step = engine.step(table, window, StateFiles(), ready_until=window.until, score_since=START)
    assert step.state.pending is not None
    assert not step.rows.num_rows
    for path in (tmp_path / "open").glob("units-*"):
        path.write_bytes(b"not parquet")
    with pytest.raises(StateError, match="open units in"):
        engine.step(table, window, step.state, ready_until=window.until, score_since=START)
    engine.close()


def test_the_ref_of_an_event_has_no_members() -> None:
    assert members_of("alerts") is None
    assert members_of('{"index": "logs", "id": "1"}') is None
