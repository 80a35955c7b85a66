"""Window features against their definition, and online against batch, cell by cell."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.columns import flat
from scoreback.errors import DataError
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.features import key_cap
from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.online import COMPACT_AT, OnlineFeatures
from scoreback.models.features.several_values import MOST_VALUES
from scoreback.models.features.state_files import StateFiles
from scoreback.models.features.whole_history import feature_rows
from scoreback.models.features.windows import HISTORY, key_column, series_of, window_columns
from scoreback.multivalue import cell, values_of
from scoreback.records import EVENT_COLUMNS, EventBatch, TimeWindow

START = datetime(2026, 1, 1, tzinfo=UTC)
LAG = timedelta(seconds=90)
HOUR = timedelta(hours=1)
FIELDS = ("source.ip", "user.name", "network.bytes")

Event = tuple[int, int, str | None, str | None, str | None]  # time s, delay s, ip, user, bytes

PLAN = FeaturePlan(
    (
        EventFeature(kind="number", field="network.bytes", name="bytes"),
        WindowFeature(kind="count", field=None, by=("source.ip",), over=HOUR, name="count"),
        WindowFeature(
            kind="distinct", field="user.name", by=("source.ip",), over=HOUR, name="distinct"
        ),
        WindowFeature(
            kind="rarity", field="user.name", by=("source.ip",), over=HOUR, name="rarity"
        ),
        WindowFeature(kind="sum", field="network.bytes", by=("source.ip",), over=HOUR, name="sum"),
        WindowFeature(
            kind="mean",
            field="network.bytes",
            by=("source.ip", "user.name"),
            over=timedelta(minutes=10),
            name="mean",
        ),
        WindowFeature(
            kind="sum", field="network.bytes", by=("source.ip",), over=HOUR, take="max", name="most"
        ),
        WindowFeature(
            kind="mean", field="network.bytes", by=("user.name",), over=HOUR, take="sum", name="all"
        ),
        WindowFeature(
            kind="since_last", field=None, by=("user.name",), over=timedelta(minutes=5), name="gap"
        ),
    ),
    LAG,
)

BOTH = [cell(["10.0.0.2", "10.0.0.1"]), cell(["10.0.0.1", "10.0.0.2", "10.0.0.1"])]
USERS = [cell(["b", "a"]), cell(["a", "b", "b"]), cell(["c", "d"]), cell(["a", "a"])]
BYTES = [cell(["1", "2.5"]), cell(["x", "7"]), cell(["-1", "nan", "1e300"]), cell(["x", "y"])]
events_of = st.lists(
    st.tuples(
        st.integers(0, 9000),
        st.sampled_from([0, 0, 0, 1, 60, 90, 91, 600]),
        st.sampled_from(["10.0.0.1", "10.0.0.2", "", None, "ünï", *BOTH]),
        st.sampled_from(["a", "b", "c", None, "", *USERS]),
        st.sampled_from(
            ["1", "-2.5", "0.001", "1e15", "-9e14", "x", None, "", "nan", "1e300", *BYTES]
        ),
    ),
    max_size=60,
)


def batch_of(events: Sequence[Event], ids: Sequence[int]) -> EventBatch:
    times = [START + timedelta(seconds=e[0]) for e in events]
    arrivals = [START + timedelta(seconds=e[0] + e[1]) for e in events]
    columns: list[list[object]] = [
        [f"e{i:04}" for i in ids],
        [f"ref{i}" for i in ids],
        list(times),
        list(arrivals),
        [e[2] for e in events],
        [e[3] for e in events],
        [e[4] for e in events],
    ]
    schema = pa.schema([*EVENT_COLUMNS, *(pa.field(f, pa.string()) for f in FIELDS)])
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
    return EventBatch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def rows_of(events: Sequence[Event]) -> pa.Table:
    batch = batch_of(events, range(len(events)))
    return feature_rows(PLAN, [batch], since=START).rows.sort_by("event_id")


def cells(table: pa.Table) -> dict[str, list[float | None]]:
    return {f.name: table.column(f.name).to_pylist() for f in PLAN.features}


def by_definition(events: Sequence[Event]) -> dict[str, list[float | None]]:
    """The docstring of `windows` in plain Python, one event at a time."""
    found: dict[str, list[float | None]] = {f.name: [] for f in PLAN.features}
    for time, delay, ip, user, _ in events:
        for feature in PLAN.window_features:
            over = int(feature.over.total_seconds())
            bucket = max(1, over // 60)
            epoch = int(START.timestamp())
            since = (epoch + time) // bucket * bucket - epoch - over

            def key(event: Event, by: tuple[str, ...] = feature.by) -> tuple[object, ...] | None:
                texts = ({"source.ip": event[2], "user.name": event[3]}[b] for b in by)
                parts = tuple(tuple(sorted(several(text))) for text in texts)
                return None if () in parts else parts

            own = key((time, delay, ip, user, None))
            if own is None or delay > 90:
                found[feature.name].append(None)
                continue
            seen = [e for e in events if e[1] <= 90 and since <= e[0] < time and key(e) == own]
            found[feature.name].append(_value(feature, seen, time, user))
    return found


def several(text: str | None) -> set[str]:
    return set(values_of(text)) if text else set()


def _value(feature: WindowFeature, seen: list[Event], time: int, user: str | None) -> float | None:
    kind = feature.kind
    users = [name for e in seen for name in several(e[3])]
    numbers = [n for n in (_thousandths(e[4], feature.take) for e in seen) if n is not None]
    match kind:
        case "count":
            return float(len(seen))
        case "distinct":
            return float(len(set(users)))
        case "rarity":
            own = [math.log2((len(users) + 1) / (users.count(n) + 1)) for n in several(user)]
            return max(own, default=None)
        case "sum":
            return sum(numbers) / 1000
        case "mean":
            return sum(numbers) / 1000 / len(numbers) if numbers else None
        case _:
            return float(time - max(e[0] for e in seen)) if seen else None


def _thousandths(text: str | None, take: str) -> int | None:
    numbers = [_number(value) for value in values_of(text or "")]
    if take == "first":
        numbers = numbers[:1]
    readable = [n for n in numbers if n is not None]
    if not readable:
        return None
    number = sum(readable) if take == "sum" else (max if take == "max" else min)(readable)
    return round(number * 1000) if abs(number) <= 9e15 else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def same(left: list[float | None], right: list[float | None]) -> bool:
    return len(left) == len(right) and all(
        (a is None) == (b is None) and (a is None or math.isclose(a, b or 0.0, rel_tol=1e-12))
        for a, b in zip(left, right, strict=True)
    )


@given(events_of)
@settings(max_examples=40)
def test_window_features_are_what_the_definition_says(events: list[Event]) -> None:
    found, expected = cells(rows_of(events)) if events else {}, by_definition(events)
    for feature in PLAN.window_features:
        if events:
            assert same(found[feature.name], expected[feature.name]), feature.name


@given(events_of, st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_events_does_not_change_a_row(events: list[Event], random: object) -> None:
    if not events:
        return
    order = list(range(len(events)))
    random.shuffle(order)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    shuffled = batch_of([events[i] for i in order], order)
    table = feature_rows(PLAN, [shuffled], since=START).rows.sort_by("event_id")
    assert cells(table) == cells(rows_of(events))


@given(events_of, st.integers(0, 9000))
@settings(max_examples=30)
def test_nothing_that_happens_later_changes_a_row(events: list[Event], cut: int) -> None:
    earlier = [e for e in events if e[0] <= cut]
    if not earlier:
        return
    kept = [i for i, e in enumerate(events) if e[0] <= cut]
    whole = rows_of(events)
    mask = pa.array([f"e{i:04}" for i in kept])
    part = whole.filter(pa.compute.is_in(whole["event_id"], value_set=mask))
    assert cells(part) == cells(rows_of(earlier))


def online(
    events: Sequence[Event], cuts: Sequence[int], folder: Path, *, restart: bool = False
) -> pa.Table:
    """Feature rows of *events* taken in steps that end at *cuts* (seconds of arrival)."""
    whole = pa.Table.from_batches([batch_of(events, range(len(events))).batch])
    engine, state, since, parts = OnlineFeatures(PLAN, folder, ()), StateFiles(), START, []
    for cut in [*sorted(cuts), 10_000]:
        until = max(since, START + timedelta(seconds=cut))
        arrived = pa.compute.and_(
            pa.compute.greater_equal(whole["arrival_time"], since),
            pa.compute.less(whole["arrival_time"], until),
        )
        step = engine.step(
            whole.filter(arrived),
            TimeWindow(since=since, until=until),
            state,
            ready_until=until,
            score_since=START,
        )
        parts.append(step.rows)
        state, since = step.state, until
        engine.forget_others(state)
        if restart:
            engine.close()
            engine = OnlineFeatures(PLAN, folder, ())
    engine.close()
    return pa.concat_tables(parts).sort_by("event_id")


@given(events_of, st.lists(st.integers(1, 9800), max_size=6), st.booleans())
@settings(max_examples=20)
def test_rows_made_online_equal_rows_made_at_once_however_the_stream_is_cut(
    events: list[Event], cuts: list[int], restart: bool
) -> None:
    if not events:
        return
    with TemporaryDirectory() as folder:
        found = online(events, cuts, Path(folder), restart=restart)
    assert found["event_id"].to_pylist() == [f"e{i:04}" for i in range(len(events))]
    assert cells(found) == cells(rows_of(events))


def test_looking_up_gives_the_rows_that_scoring_gives_and_changes_nothing(tmp_path: Path) -> None:
    past: list[Event] = [(t, 0, "10.0.0.1", "ab"[t % 2], str(t)) for t in range(0, 900, 7)]
    fresh: list[Event] = [(1000, 0, "10.0.0.1", "a", "5"), (1001, 0, "10.0.0.2", "b", "x")]
    whole = pa.Table.from_batches([batch_of([*past, *fresh], range(len(past) + 2)).batch])
    history, asked = whole.slice(0, len(past)), whole.slice(len(past))
    engine = OnlineFeatures(PLAN, tmp_path, ())
    middle, end = START + timedelta(seconds=950), START + HOUR
    before = engine.step(
        history,
        TimeWindow(since=START, until=middle),
        StateFiles(),
        ready_until=middle,
        score_since=START,
    ).state
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    alone = [engine.look_up(asked.slice(n, 1), before) for n in range(2)]
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == files
    window = TimeWindow(since=middle, until=end)
    scored = engine.step(asked, window, before, ready_until=end + HOUR, score_since=middle).rows
    scored = scored.filter(pa.compute.is_in(scored["event_id"], value_set=flat(asked["event_id"])))
    assert cells(pa.concat_tables(alone).sort_by("event_id")) == cells(scored.sort_by("event_id"))
    engine.close()


def test_compacted_state_gives_the_same_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    events: list[Event] = [
        (int(t), int(d), f"10.0.0.{k}", "abc"[k % 3], str(k))
        for t, d, k in zip(
            rng.integers(0, 9000, 400), rng.choice([0, 30, 200], 400), rng.integers(0, 5, 400),
            strict=True,
        )
    ]  # fmt: skip
    cuts = list(range(150, 9800, 150))
    assert len(cuts) > COMPACT_AT
    assert cells(online(events, cuts, tmp_path)) == cells(rows_of(events))
    assert len(list(tmp_path.iterdir())) < len(cuts)


def test_a_step_done_twice_gives_the_same_rows_and_files(tmp_path: Path) -> None:
    table = pa.Table.from_batches(
        [batch_of([(10, 0, "a", "u", "1"), (20, 0, "a", "v", "2")], range(2)).batch]
    )
    engine = OnlineFeatures(PLAN, tmp_path, ())
    window = TimeWindow(since=START, until=START + HOUR)
    steps = [
        engine.step(table, window, StateFiles(), ready_until=window.until, score_since=START)
        for _ in range(2)
    ]
    assert steps[0].rows.equals(steps[1].rows)
    assert steps[0].state == steps[1].state
    engine.close()


def test_a_damaged_state_file_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    from scoreback.errors import StateError

    events: list[Event] = [(10, 0, "a", "u", "1")]
    table = pa.Table.from_batches([batch_of(events, range(1)).batch])
    engine = OnlineFeatures(PLAN, tmp_path, ())
    window = TimeWindow(since=START, until=START + HOUR)
    step = engine.step(table, window, StateFiles(), ready_until=window.until, score_since=START)
    for path in tmp_path.glob("*.parquet"):
        path.write_bytes(b"not parquet")
    later = TimeWindow(since=window.until, until=window.until + HOUR)
    late_table = pa.Table.from_batches([batch_of([(3700, 0, "a", "u", "1")], [5]).batch])
    with pytest.raises(StateError, match="window state in"):
        engine.step(late_table, later, step.state, ready_until=later.until, score_since=START)
    engine.close()


@given(events_of, st.integers(0, 9000), st.sampled_from([-3600, 3600]))
@settings(max_examples=30)
def test_a_clock_that_is_changed_spoils_no_window_but_its_own(
    events: list[Event], at: int, change: int
) -> None:
    """Set back, a sensor stamps its events an hour early: they arrive late, and are no history."""
    on_time = [e for e in events if e[1] <= 90]
    if not on_time:
        return
    after = [(e[0] + change, e[1] - change, *e[2:]) for e in on_time if e[0] > at]
    stamped = [e for e in after if e[1] >= 0]  # set forward, the door sets them to their arrival
    mixed = rows_of([*on_time, *stamped])
    alone = rows_of(on_time)
    assert cells(mixed.slice(0, len(on_time))) == cells(alone)
    for name in (f.name for f in PLAN.window_features):
        assert set(mixed.slice(len(on_time)).column(name).to_pylist()) <= {None}


def test_a_plan_whose_keys_would_not_fit_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_cap, "MAX_KEYS", 100)
    spread: list[Event] = [(i * 60, 0, f"10.0.0.{i}", "a", "1") for i in range(120)]
    rows_of(spread)  # never more than sixty within an hour
    dense: list[Event] = [(i, 0, f"10.0.0.{i}", "a", "1") for i in range(120)]
    with pytest.raises(DataError, match=r"'count': 120 keys of source\.ip within 1h do not fit"):
        rows_of(dense)


def test_each_value_of_a_list_is_a_value_of_its_own() -> None:
    events: list[Event] = [
        (10, 0, "h", cell(["a", "b"]), "1"),
        (20, 0, "h", cell(["b", "c"]), "1"),
        (30, 0, "h", cell(["c", "z"]), "1"),
        (40, 0, "h", "b", "1"),
    ]
    found = cells(rows_of(events))
    assert found["distinct"] == [0, 2, 3, 4]
    expected: list[float | None] = [0.0, math.log2(3), math.log2(5), math.log2(7 / 3)]
    assert same(found["rarity"], expected)


def test_one_event_of_very_many_values_does_not_fill_the_state() -> None:
    many = cell([f"{i:05}" for i in range(10_000)])
    events: list[Event] = [(10, 0, "h", many, "1"), (20, 0, "h", "00000", "1")]
    assert cells(rows_of(events))["distinct"] == [0, MOST_VALUES]


def test_values_of_lists_count_as_keys_that_have_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_cap, "MAX_KEYS", 100)
    lists: list[Event] = [(i, 0, "h", cell([f"{i}a", f"{i}b", f"{i}c"]), "1") for i in range(40)]
    with pytest.raises(DataError, match=r"'distinct': 120 keys of source\.ip"):
        rows_of(lists)


@given(st.lists(st.integers(0, 59), min_size=2, max_size=6), st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_the_last_event_of_a_bucket_is_found_in_whatever_order_its_sums_come(
    seconds: list[int], random: object
) -> None:
    over = 60 * 60
    feature = WindowFeature(
        kind="since_last", field=None, by=("k",), over=timedelta(seconds=over), name="gap"
    )
    series = series_of(feature)
    last = [second * 1_000_000 for second in seconds]
    random.shuffle(last)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    count = len(last)
    sums = [[0] * count, ["a"] * count, [None] * count, [1] * count, *[[0] * count] * 3, last]
    history = pa.table([pa.array(c, f.type) for c, f in zip(sums, HISTORY, strict=True)], HISTORY)
    queries = pa.table({"time": [90_000_000], "late": [False], key_column(series): ["a"]})
    found = window_columns((feature,), queries, {series: history})
    assert found["gap"].tolist() == [90 - max(seconds)]
