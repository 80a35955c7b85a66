"""Many small segments become few, and nobody who reads or writes notices."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.connectors.doors import LoadMapping, ScoreQuery
from scoreback.connectors.local import LocalConnector, open_enriched
from scoreback.connectors.local.loading.load import load_file
from scoreback.connectors.local.storage import compaction
from scoreback.connectors.local.storage.compaction import compact, kept_while_read
from scoreback.errors import SiemRefused
from scoreback.records import EventBatch, EventQuery, ScoreBatch, TimeWindow
from tests.unit.connectors.local.conftest import START
from tests.unit.connectors.local.storage.test_store import EVER, count

MakeEvents = Callable[..., EventBatch]
MakeScores = Callable[..., ScoreBatch]
QUERY = EventQuery(selection={"stream": "s"}, fields=("host.name",))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MERGE_AT", 5)


def rows(siem: LocalConnector) -> list[dict[str, object]]:
    return [
        row
        for piece in siem.events.slices(QUERY, EVER)
        for batch in siem.events.read(piece)
        for row in batch.batch.to_pylist()
    ]


def files(siem: LocalConnector, kind: str) -> int:
    return len(list(siem.store.folder.glob(f"{kind}/**/*.parquet")))


def test_many_small_loads_become_few_segments_with_the_same_events(
    siem: LocalConnector, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "MERGE_AT", 1000)
        for first in range(0, 40, 4):  # they overlap: each id is there once
            siem.intake.add_events("s", make_events(range(first, first + 6)))
    before = rows(siem)
    assert files(siem, "events") == 10
    assert siem.intake.add_events("s", make_events(range(6))).already_there == 6
    assert rows(siem) == before
    assert files(siem, "events") == 1
    assert siem.intake.add_events("s", make_events(range(42))).already_there == 42


def test_a_reader_of_before_finds_what_it_listed(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    for number in range(4):
        siem.intake.add_events("s", make_events([number]))
    (piece,) = siem.events.slices(QUERY, EVER)
    with kept_while_read(siem.store):
        found = siem.events.selected(QUERY.selection)
        siem.intake.add_events("s", make_events([4]))  # merges
        assert len(siem.events.selected(QUERY.selection)) == 1
        assert all(siem.store.segments.intact(segment).exists() for segment in found)
        assert [b.num_rows for b in siem.events.read(piece)] == [5]
    siem.intake.add_events("s", make_events([5]))
    assert files(siem, "events") == 2


def test_segments_are_merged_within_bounds(
    siem: LocalConnector, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MERGED_ROWS", 40)
    for first in range(0, 90, 9):
        siem.intake.add_events("s", make_events(range(first, first + 9)))
    assert count(siem) == 90
    sizes = [segment.rows for segment in siem.events.selected(QUERY.selection)]
    assert max(sizes) <= 40
    assert len(sizes) < 10


def test_fields_that_only_some_have_stay_theirs(siem: LocalConnector, tmp_path: Path) -> None:
    for number in range(6):
        export = tmp_path / f"{number}.csv"
        export.write_text(f"time,host.name,only.{number}\n{1709251200 + number},h,x\n")
        load_file(siem.store, export, "s", LoadMapping(time="time"))
    (segment, _) = siem.events.selected(QUERY.selection)
    assert {f"only.{n}" for n in range(5)} < set(segment.columns)
    assert sorted(segment.sources.values()) == [f"{n}.csv" for n in range(5)]
    (siem.store.folder / segment.path).unlink()
    for number in range(5):
        with pytest.raises(SiemRefused, match="it is missing") as caught:
            count(siem)
        assert f"{number}.csv" in caught.value.hint
        export = tmp_path / f"{number}.csv"
        assert load_file(siem.store, export, "s", LoadMapping(time="time")).loaded == 1
    assert count(siem) == 6


def test_old_scores_are_merged_and_lately_received_ones_left_to_the_rules(
    siem: LocalConnector, make_scores: MakeScores
) -> None:
    everything = ScoreQuery(
        detector="d", window=TimeWindow(since=START, until=START + timedelta(days=9))
    )
    for day in range(8):
        at = START + timedelta(days=day)
        siem.scores.write(make_scores([(day, "a")], at=at), at=at)
        siem.rule_engine.evaluate(since=START, at=at)
    found = [row for batch in siem.scores.read(everything) for row in batch.batch.to_pylist()]
    assert [row["event_id"] for row in found] == [f"e{day}" for day in range(8)]
    assert files(siem, "scores") < 8
    again = make_scores([(day, "a") for day in range(8)])
    assert siem.scores.write(again, at=START).already_there == 8


def test_a_damaged_segment_is_not_merged_away(
    siem: LocalConnector, make_events: MakeEvents
) -> None:
    for number in range(4):
        siem.intake.add_events("s", make_events([number]))
    path = next(siem.store.folder.glob("events/s/*.parquet"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    again = LocalConnector.open("t", {"path": siem.store.folder})
    for _ in range(2):
        compact(again.store, "events", "s")
        with pytest.raises(SiemRefused, match="is damaged"):
            count(again)


def test_what_was_left_of_a_merge_is_removed_by_the_next(
    siem: LocalConnector, make_events: MakeEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        siem.intake.add_events("s", make_events([number]))
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "_remove_retired", lambda _store: None)  # killed before it
        siem.intake.add_events("s", make_events([4]))
    assert files(siem, "events") == 6
    assert count(siem) == 5
    with open_enriched(siem.store, "s") as view:
        assert view.sql("SELECT count(*) FROM events_enriched").fetchall() == [(5,)]
    siem.intake.add_events("s", make_events([5]))
    assert files(siem, "events") == 2
