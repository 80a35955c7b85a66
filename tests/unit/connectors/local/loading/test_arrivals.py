"""Events that are loaded late: never where scoring has read, never lost, and else untouched."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.doors.intake import LoadMapping, LoadReport, Scored
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.arrivals import Arrivals
from scoreback.connectors.local.loading.load import load_file
from scoreback.records import TIME, EventQuery, TimeWindow

T = datetime(2026, 3, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return T + timedelta(minutes=minute)


def scored(since: int, until: int, stream: object = "s") -> Scored:
    return Scored(selection={"stream": stream}, since=at(since), until=at(until))


def events(minutes: list[int]) -> pa.Table:
    return pa.table({"arrival_time": pa.array([at(m) for m in minutes], TIME)})


def moved(minutes: list[int], *spans: Scored, move: bool = True) -> tuple[list[datetime], int]:
    arrivals = Arrivals("s", spans, move=move)
    return arrivals.of(events(minutes))["arrival_time"].to_pylist(), arrivals.behind


def test_an_event_in_what_was_scored_arrives_right_after_it() -> None:
    assert moved([5, 10, 19, 20, 30], scored(10, 20)) == (
        [at(5), at(20), at(20), at(20), at(30)],
        2,
    )


def test_of_other_streams_nothing_is_moved() -> None:
    assert moved([5], scored(0, 20, "other")) == ([at(5)], 0)
    assert moved([5], scored(0, 20, "s*")) == ([at(20)], 1)
    assert moved([5], scored(0, 20, ["x", "s"])) == ([at(20)], 1)


def test_arrival_times_that_an_export_gives_are_counted_and_kept() -> None:
    assert moved([5, 25], scored(0, 20), move=False) == ([at(5), at(25)], 1)


def test_a_late_load_of_any_size_can_be_scored_in_steps() -> None:
    times, _ = moved([5] * 2_500, scored(0, 20))
    assert [times.count(t) for t in sorted(set(times))] == [1_000, 1_000, 500]


@given(
    st.lists(st.integers(0, 60), max_size=20),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=5),
)
def test_no_event_stays_where_any_detector_has_read(
    minutes: list[int], reads: list[tuple[int, int]]
) -> None:
    spans = [scored(since, since + length) for since, length in reads]
    times, behind = moved(minutes, *spans)
    assert not any(span.since <= t < span.until for t in times for span in spans)
    late = [any(s.since <= at(m) < s.until for s in spans) for m in minutes]
    assert behind == sum(late)
    assert [t for t, is_late in zip(times, late, strict=True) if not is_late] == [
        at(m) for m, is_late in zip(minutes, late, strict=True) if not is_late
    ]
    assert all(t >= at(m) for t, m in zip(times, minutes, strict=True))


def load(
    siem: LocalConnector, path: Path, rows: list[int], arrival: str | None = None
) -> LoadReport:
    lines = "".join(f"{at(m).isoformat()},e{m},{at(m).isoformat()}\n" for m in rows)
    path.write_text("time,id,seen\n" + lines)
    how = LoadMapping(time="time", id="id", arrival=arrival)
    return load_file(siem.store, path, "s", how, scored=lambda: [scored(10, 20)])


def arrived_from(siem: LocalConnector, minute: int) -> int:
    window = TimeWindow(since=at(minute), until=at(1_000))
    return siem.events.count(EventQuery(selection={"stream": "s"}, fields=()), window)


def test_loading_a_late_export_twice_is_once(siem: LocalConnector, tmp_path: Path) -> None:
    report = load(siem, tmp_path / "a.csv", [5, 12, 15, 25])
    assert (report.loaded, report.behind, report.never_scored) == (4, 2, False)
    assert arrived_from(siem, 20) == 3
    again = load(siem, tmp_path / "b.csv", [5, 12, 15, 16, 25])
    assert (again.loaded, again.already_there, again.behind) == (1, 4, 1)
    assert arrived_from(siem, 20) == 4


def test_an_export_with_arrival_times_says_how_many_are_never_scored(
    siem: LocalConnector, tmp_path: Path
) -> None:
    report = load(siem, tmp_path / "a.csv", [5, 12, 15, 25], arrival="seen")
    assert (report.loaded, report.behind, report.never_scored) == (4, 2, True)
    assert arrived_from(siem, 20) == 1


@settings(max_examples=15)
@given(st.lists(st.integers(0, 99), unique=True, max_size=30), st.integers(0, 99))
def test_counting_is_reading(
    tmp_path_factory: pytest.TempPathFactory, minutes: list[int], since: int
) -> None:
    folder = tmp_path_factory.mktemp("siem")
    siem = LocalConnector.open("test", {"path": str(folder)})
    if minutes:
        half = len(minutes) // 2
        for part in (minutes[:half], minutes[half:]):
            path = folder / "x.csv"
            path.write_text("time,id\n" + "".join(f"{at(m).isoformat()},e{m}\n" for m in part))
            load_file(siem.store, path, "s", LoadMapping(time="time", id="id"))
        window = TimeWindow(since=at(since), until=at(since + 10))
        query = EventQuery(selection={"stream": "s"}, fields=())
        assert siem.events.count(query, window) == sum(since <= m < since + 10 for m in minutes)
