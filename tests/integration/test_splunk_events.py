"""What is read of Splunk: order, identity, names, late events, and searches that cannot be bent.

All of it over the simulator; no real Splunk has confirmed any of it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.connectors.contract.data import START
from scoreback.connectors.doors import BATCH_ROWS
from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.reading import pieces
from scoreback.errors import SiemRefused
from scoreback.multivalue import values_of
from scoreback.records import EventQuery, TimeWindow
from tests.integration.splunk_events import INDEX, SELECTION, fill, ids, rows
from tests.splunkd.connection import connected, simulated
from tests.splunkd.simulator import Simulator

DAY = timedelta(days=1)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(delay=0) as found:
        yield found


@pytest.fixture
def splunk(simulator: Simulator) -> Iterator[SplunkConnector]:
    with connected(simulator) as found:
        yield found


@pytest.mark.parametrize("chunk", [7, 40, 10_000])
def test_however_a_window_is_cut_each_event_comes_once_in_order(
    simulator: Simulator, splunk: SplunkConnector, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "CHUNK_ROWS", chunk)
    names = fill(simulator, 280, every=600)  # nearly two days
    assert ids(splunk, until=START + 4 * DAY) == names
    assert ids(splunk, until=START + 4 * DAY, parts=5) == names


def test_many_events_of_one_second_stay_together(
    simulator: Simulator, splunk: SplunkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "CHUNK_ROWS", 20)
    names = fill(simulator, 100, every=0)
    assert ids(splunk) == names


@pytest.mark.parametrize("parts", [1, 4])
def test_a_window_since_1970_costs_no_search_for_each_of_its_days(
    simulator: Simulator, splunk: SplunkConnector, parts: int
) -> None:
    names = fill(simulator, 280, every=600)
    simulator.faults.add("search_quota", after=100)  # more searches would be refused
    assert ids(splunk, since=datetime(1970, 1, 1, tzinfo=UTC), parts=parts) == names


def test_a_short_window_costs_one_search(simulator: Simulator, splunk: SplunkConnector) -> None:
    names = fill(simulator, 20)
    simulator.faults.add("search_quota", after=1)  # a second search would be refused
    found = ids(splunk, since=START, until=START + timedelta(minutes=5))
    assert found == names


def test_an_event_that_is_indexed_late_is_read_by_when_it_came(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    late = START + DAY
    event = {"n": "late", "src": "10.0.0.1"}
    simulator.add_events(
        [{"index": INDEX, "time": START.timestamp() - 9 * 86_400, "indextime": late.timestamp(),
          "raw": event}]
    )  # fmt: skip
    (row,) = rows(splunk, since=late, until=late + timedelta(minutes=5))
    assert row["event_time"] == START - 9 * DAY
    assert row["arrival_time"] == late + timedelta(microseconds=999_999)


def test_a_clock_that_runs_ahead_does_not_put_an_event_after_its_arrival(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    simulator.add_events(
        [{"index": INDEX, "time": START.timestamp() + 7_200, "indextime": START.timestamp(),
          "raw": {"n": "ahead"}}]
    )  # fmt: skip
    (row,) = rows(splunk)
    assert row["event_time"] == row["arrival_time"] == START + timedelta(microseconds=999_999)


def test_an_event_keeps_its_microseconds(simulator: Simulator, splunk: SplunkConnector) -> None:
    simulator.add_events(
        [{"index": INDEX, "time": START.timestamp() + 0.123456, "indextime": START.timestamp() + 1,
          "raw": {"n": "fine"}}]
    )  # fmt: skip
    (row,) = rows(splunk)
    assert row["event_time"] == START + timedelta(microseconds=123_456)


def test_an_event_that_was_sent_twice_is_read_once(
    simulator: Simulator, splunk: SplunkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "CHUNK_ROWS", 10)
    names = fill(simulator, 30, every=60)
    fill(simulator, 30, every=60, start=START + timedelta(hours=3))
    assert ids(splunk) == names


def test_without_an_id_all_that_an_event_holds_names_it(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    fill(simulator, 5)
    fill(simulator, 5)  # the same again
    whole = {"search": f"index={INDEX}"}
    found = rows(splunk, whole)
    assert len(found) == 5
    assert all(len(row["event_id"]) == 64 for row in found)
    assert [r["event_id"] for r in rows(splunk, whole)] == [r["event_id"] for r in found]


def test_several_fields_name_an_event_together(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    pairs = [("a:b", "c"), ("a", "b:c"), ("a", "b"), ("a", "b")]
    simulator.add_events(
        {"index": INDEX, "time": START.timestamp(), "indextime": START.timestamp() + n,
         "raw": {"x": x, "y": y}}
        for n, (x, y) in enumerate(pairs)
    )  # fmt: skip
    found = rows(splunk, {"search": f"index={INDEX}", "id": ["x", "y"]}, ["x", "y"])
    assert [(row["x"], row["y"]) for row in found] == pairs[:3]


def test_an_event_without_its_id_is_read_all_the_same(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    simulator.add_events([{"index": INDEX, "indextime": START.timestamp(), "raw": {"src": "a"}}])
    (row,) = rows(splunk)
    assert len(row["event_id"]) == 64


def test_fields_are_found_under_their_own_name_or_that_of_the_common_model(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    events = [
        {"n": "1", "source": {"ip": "10.0.0.1"}, "signature_id": 7, "sid": "x"},
        {"n": "2", "src": "10.0.0.2", "rule": {"id": "r2"}, "sid": "y"},
        {"n": "3", "dns": {"answers": [{"name": "a.example"}, {"name": "b.example"}]}},
        {"n": "4", "tags": ["one", "two", None], "user": None},
    ]
    simulator.add_events(
        {"index": INDEX, "indextime": START.timestamp() + n, "raw": raw}
        for n, raw in enumerate(events)
    )
    fields = ["source.ip", "rule.id", "dns.answers.name", "tags", "user.name"]
    found = rows(splunk, fields=fields)
    assert [row["source.ip"] for row in found] == ["10.0.0.1", "10.0.0.2", None, None]
    assert [row["rule.id"] for row in found] == ["7", "r2", None, None]
    assert values_of(found[2]["dns.answers.name"]) == ["a.example", "b.example"]
    assert values_of(found[3]["tags"]) == ["one", "two"]
    assert [row["user.name"] for row in found] == [None] * 4
    renamed = rows(splunk, {**SELECTION, "fields": {"rule.id": "sid"}}, ["rule.id"])
    assert [row["rule.id"] for row in renamed] == ["x", "y", None, None]
    names = splunk.events.fields(SELECTION)
    assert {"source.ip", "rule.id", "dns.answers.name", "tags", "src"} <= set(names)
    assert not [name for name in names if name.startswith(("_", "date_", "scoreback_"))]


def test_values_come_as_they_are_whatever_they_hold(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    values = [
        'a "quoted" | delete',
        "back\\slash",
        "new\nline",
        "größe ✓",
        "\ufdd0mark",
        "[x]",
        "*",
    ]
    simulator.add_events(
        {"index": INDEX, "indextime": START.timestamp() + n, "raw": {"n": value, "v": value}}
        for n, value in enumerate(values)
    )
    found = rows(splunk, fields=["v"])
    assert [values_of(row["v"]) for row in found] == [[value] for value in values]
    assert [row["event_id"] for row in found] == values


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(name=st.text(st.sampled_from(list("ab \"'|\\[]`*,=(){}.")), min_size=1, max_size=12))
def test_no_name_of_a_field_changes_what_is_read(
    simulator: Simulator, splunk: SplunkConnector, name: str
) -> None:
    if not simulator.store.totals():
        fill(simulator, 3)
    for selection, fields in (
        (SELECTION, [name]),
        ({**SELECTION, "id": [name]}, []),
        ({**SELECTION, "fields": {"rule.id": name}}, ["rule.id"]),
    ):
        try:
            found = rows(splunk, selection, fields)
        except SiemRefused as error:
            assert "not a valid field name" in error.message  # noqa: PT017 - one of two ends
            continue
        assert len(found) == 3


def test_a_macro_is_what_it_stands_for_and_no_more(
    simulator: Simulator, splunk: SplunkConnector
) -> None:
    names = fill(simulator, 10)
    for macro, definition, more in (
        ("the_ids", f"index={INDEX}", {}),
        ("of_sig(1)", "signature_id=$sig$", {"args": "sig"}),
        ("nested", "`the_ids` `of_sig(3)`", {}),
        ("deletes", f"index={INDEX} | delete", {}),
        ("computed", '"index=" . "x"', {"iseval": "1"}),
        ("circle", "`circle`", {}),
    ):
        form = {"name": macro, "definition": definition, **more}
        splunk.client.call("POST", splunk.client.own("configs/conf-macros"), form=form)

    def found(search: str) -> list[str]:
        return ids(splunk, selection={"search": search, "id": ["n"]})

    assert found("`the_ids`") == names
    assert found("`the_ids` `of_sig(3)`") == found("`nested`") == [names[3], names[8]]
    for search, why in (
        ("`deletes`", "another command"),
        ("`computed`", "computed"),
        ("`circle`", "in a loop"),
        ("`no_such`", "does not exist"),
        ('`of_sig("3 | delete")`', "another command"),
    ):
        with pytest.raises(SiemRefused, match=why):
            found(search)


def test_no_more_events_are_held_than_a_piece_may_have(
    simulator: Simulator, splunk: SplunkConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "CHUNK_ROWS", 500)
    held: list[int] = []
    whole = pieces.Reader._whole

    def watched(reader: pieces.Reader, piece: pieces.Piece) -> pa.Table:
        found = whole(reader, piece)
        held.append(found.num_rows)
        return found

    monkeypatch.setattr(pieces.Reader, "_whole", watched)
    names = fill(simulator, 4_000, every=0.1)
    assert ids(splunk) == names
    assert sum(held) == len(names)
    assert max(held) <= 500
    query = EventQuery(selection=SELECTION, fields=())
    window = TimeWindow(since=START, until=START + DAY)
    (piece,) = splunk.events.slices(query, window)
    assert all(batch.num_rows <= BATCH_ROWS for batch in splunk.events.read(piece))


def test_searches_never_run_more_at_once_than_the_settings_allow(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "CHUNK_ROWS", 50)
    names = fill(simulator, 1_000)
    with connected(simulator, searches=1) as splunk:
        assert ids(splunk) == names
        assert splunk.client.searching.acquire(blocking=False)
        splunk.client.searching.release()
