"""What the state forgets by age, and what it never does."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from scoreback.models.judging.judged import Judged
from scoreback.models.judging.pacing import Cut, Tick
from scoreback.models.judging.past import Past, Units
from scoreback.records import Stage
from scoreback.service.state.batches import Batch, Progress
from scoreback.service.state.pacing_log import PacedStep, note_steps, remembered
from scoreback.service.state.pruning import (
    KEEP_BATCHES,
    KEEP_PLANS,
    KEEP_REFUSED,
    KEEP_RUNS,
    KEEP_TICKS,
    Pruned,
    prune,
)
from scoreback.service.state.runs import end_run, runs, start_run
from scoreback.service.state.workspace_state import State
from scoreback.times import micros

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = Pruned(batches=0, runs=0, refused=0, plans=0, paced=0)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(tmp_path / "state") as opened:
        yield opened


def progress(watermark: datetime, plan: str = "p") -> Progress:
    return Progress(detector="d", plan_hash=plan, watermark=watermark, score_since=watermark)


def begin(state: State, name: str, until: datetime, plan: str = "p") -> Batch:
    batch = Batch(
        batch_id=name, detector="d", version="v1-00000000", since=until - DAY, until=until,
        outbox=f"{name}.arrow", next_progress=progress(until, plan),
    )  # fmt: skip
    state.begin_batch(batch)
    return batch


def finish(state: State, name: str, until: datetime, plan: str = "p") -> None:
    after = begin(state, name, until, plan).next_progress
    assert after is not None
    state.mark_sent(name, after, at=until, done=True)


def batches(state: State) -> set[str]:
    with state.database.reads() as connection:
        return {*connection.exec_driver_sql("SELECT batch_id FROM batches").scalars()}


def paced(state: State, name: str, detector: str, at: datetime) -> None:
    """A step of one unit, and the threshold of its hour."""
    units = Units(
        times=np.array([micros(at)]), event_times=np.array([micros(at)]), entities=np.array([1]),
        scores=np.array([0.9]), draws=np.array([0.5]),
    )  # fmt: skip
    past = Past(units=units, opened=np.array([True]), hours={micros(at): 1})
    tick = Tick(since=micros(at), cut=Cut(0.5), left=3.0, reason="paced")
    judged = Judged(
        alerts=np.array([True]), thresholds=np.array([0.5]), ticks=(tick,), past=past, held_back=0,
        suppressed=np.array([False]),
    )  # fmt: skip
    step = PacedStep(version="v1", stage=Stage.LIVE, judged=judged, pace="p")
    with state.database.writes() as connection:
        note_steps(connection, name, detector, [step])


def test_what_no_threshold_looks_back_to_is_forgotten_and_a_silent_detector_keeps_its_days(
    state: State,
) -> None:
    for days, name in ((0, "new"), (30, "recent"), (40, "old")):
        paced(state, name, "busy", NOW - days * DAY)
    for days, name in ((200, "last"), (190, "silent")):
        paced(state, name, "silent", NOW - days * DAY)
    paced(state, "ancient", "silent", NOW - KEEP_TICKS - DAY)
    assert prune(state, NOW).paced == 3  # "old", and both of "ancient"
    assert prune(state, NOW) == NOTHING
    kept = {
        name: len(remembered(state.database, name, "v1", Stage.LIVE, "p").past)
        for name in ("busy", "silent")
    }
    assert kept == {"busy": 2, "silent": 2}


def test_done_batches_are_forgotten_by_age_and_doubtful_ones_never(state: State) -> None:
    finish(state, "old", NOW - KEEP_BATCHES - DAY)
    finish(state, "young", NOW - KEEP_BATCHES + DAY)
    doubtful = begin(state, "doubtful", NOW - 9 * KEEP_BATCHES)
    assert prune(state, NOW) == replace(NOTHING, batches=1)
    assert batches(state) == {"young", "doubtful"}
    assert state.open_batches("d") == [doubtful]
    assert prune(state, NOW) == NOTHING


def test_batches_are_settled_in_order_when_older_ones_are_forgotten(state: State) -> None:
    finish(state, "old", NOW - KEEP_BATCHES - DAY)
    begin(state, "first", NOW)
    prune(state, NOW)
    begin(state, "second", NOW)
    assert [batch.batch_id for batch in state.open_batches("d")] == ["first", "second"]


def test_many_batches_are_forgotten_a_portion_at_a_time(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scoreback.service.state.pruning.ROWS_AT_ONCE", 3)
    for number in range(10):
        finish(state, f"b{number}", NOW - KEEP_BATCHES - DAY)
    assert prune(state, NOW).batches == 10


def test_old_runs_are_forgotten_but_the_last_of_each_kind_and_those_going_on(state: State) -> None:
    old = NOW - KEEP_RUNS - DAY
    for kind in ("score", "train"):
        for _ in range(3):
            end_run(state, start_run(state, "d", kind, old), "done", old)
    start_run(state, "e", "score", old)
    end_run(state, start_run(state, "d", "score", NOW), "done", NOW)
    assert prune(state, NOW) == replace(NOTHING, runs=5)
    left = [(run.detector, run.kind, run.status) for run in runs(state)]
    assert sorted(left) == [
        ("d", "score", "done"),
        ("d", "train", "done"),
        ("e", "score", "running"),
    ]


def test_refused_items_are_kept_for_a_while(state: State) -> None:
    state.refused.mkdir()
    for name, age in (("old", KEEP_REFUSED + DAY), ("young", KEEP_REFUSED - DAY)):
        path = state.refused / f"{name}.ndjson"
        path.write_text("{}\n", encoding="utf-8")
        os.utime(path, times=((NOW - age).timestamp(),) * 2)
    assert prune(state, NOW) == replace(NOTHING, refused=1)
    assert [path.stem for path in state.refused.iterdir()] == ["young"]


def windows(state: State, plan: str) -> Path:
    folder = state.windows / "d" / plan
    folder.mkdir(parents=True)
    (folder / "raw-0-1.parquet").write_bytes(b"window state")
    return folder


def test_windows_of_a_plan_that_is_gone_are_forgotten_with_its_progress(state: State) -> None:
    finish(state, "gone", NOW - KEEP_PLANS - DAY, "gone")
    finish(state, "recent", NOW - DAY, "recent")
    finish(state, "now", NOW, "now")
    folders = {plan: windows(state, plan) for plan in ("gone", "recent", "now")}
    assert prune(state, NOW).plans == 1
    assert {plan: folder.exists() for plan, folder in folders.items()} == {
        "gone": False, "recent": True, "now": True,
    }  # fmt: skip
    assert state.progress("d", "gone") is None
    assert state.progress("d", "recent") is not None


def test_the_only_plan_of_a_detector_is_kept_however_old(state: State) -> None:
    finish(state, "b", NOW - 50 * KEEP_PLANS)
    folder = windows(state, "p")
    assert prune(state, NOW).plans == 0
    assert folder.exists()


def test_windows_of_a_detector_that_somebody_works_on_are_left(
    state: State, tmp_path: Path
) -> None:
    finish(state, "gone", NOW - KEEP_PLANS - DAY, "gone")
    finish(state, "now", NOW, "now")
    with State.open(tmp_path / "state") as other, other.lock("d"):
        assert prune(state, NOW).plans == 0
    assert prune(state, NOW).plans == 1


def test_a_plan_with_a_batch_in_doubt_is_kept(state: State) -> None:
    finish(state, "before", NOW - KEEP_PLANS - DAY, "p1")
    begin(state, "doubtful", NOW - KEEP_PLANS - DAY, "p1")
    finish(state, "now", NOW, "p2")
    assert prune(state, NOW).plans == 0


def test_the_newest_batch_is_found_without_reading_them_all(state: State) -> None:
    with state.database.reads() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN SELECT max(begun) FROM batches").all()
        old = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT batch_id FROM batches WHERE status = 'done' AND until < 5"
        ).all()
    assert "ix_batches_begun" in str(plan)
    assert "ix_batches_status_until" in str(old)


def test_a_plan_that_another_owes_its_waiting_events_to_is_kept(state: State) -> None:
    finish(state, "before", NOW - KEEP_PLANS - DAY, "p1")
    begin(state, "now", NOW, "p2")
    owing = replace(progress(NOW, "p2"), owed="p1/pending-0-1.parquet")
    state.mark_sent("now", owing, at=NOW, done=True)
    assert prune(state, NOW).plans == 0


def test_a_new_plan_that_fills_its_windows_from_far_back_is_kept(state: State) -> None:
    finish(state, "now", NOW, "p1")
    finish(state, "new", NOW - 2 * KEEP_PLANS, "p2")
    assert prune(state, NOW).plans == 0
    finish(state, "newer", NOW + DAY, "p2")
    assert prune(state, NOW).plans == 0
