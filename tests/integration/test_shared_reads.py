"""Detectors that select the same events share one read, and each scores as if it were alone."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.connectors.local import events as reading
from scoreback.errors import ArtifactError, SiemRefused, SiemUnavailable, StateError
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App, opened
from scoreback.service.scoring import cutter
from scoreback.service.scoring.champions import score_live
from scoreback.service.scoring.plan import plan_hash
from scoreback.service.settings import Settings
from scoreback.service.state.runs import runs
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stopped
from tests.integration.alike import (
    DAY,
    END,
    FIELDS,
    FILES,
    HOUR,
    TRAINED,
    detectors_of,
    errors,
    stored,
    together,
    watched,
)

pytestmark = pytest.mark.usefixtures("small_steps")


@pytest.fixture(scope="module")
def detectors() -> list[Detector]:
    return detectors_of()


@pytest.fixture(scope="module")
def alone(
    alike: Path, tmp_path_factory: pytest.TempPathFactory, detectors: list[Detector]
) -> pa.Table:
    """What is stored after each detector was scored by itself, in one run with long steps."""
    made = tmp_path_factory.mktemp("alone") / "home"
    shutil.copytree(alike, made)
    with opened(Settings(home=made)) as app:
        for detector in detectors:
            assert score_live(app, detector, now=END) is not None
        found = stored(app)
    assert set(found["detector"].to_pylist()) == set(FILES)
    assert found.num_rows > 1500
    return found


def test_those_that_have_read_as_far_share_one_read_of_each_event(
    home: Path, detectors: list[Detector]
) -> None:
    with watched(home) as (app, siem):
        assert not errors(together(app, detectors, TRAINED + DAY))
        assert len(siem.reads) == len(detectors)  # windows of other lengths begin elsewhere
        siem.reads.clear()
        siem.read_ids.clear()
        found = together(app, detectors, END)
        assert not errors(found)
        (piece,) = siem.reads
        assert set(piece.query.fields) == set(FIELDS) - {"outcome"}  # a label: there is none yet
        assert set(siem.read_ids.values()) == {1}
        assert len(siem.read_ids) > 500
        assert {run.outcome.read for run in found.values()} == {len(siem.read_ids)}


@pytest.mark.parametrize(
    ("step", "batch", "every", "ahead"),
    [
        (150, 100, 29 * HOUR, ()),
        (20_000, 20_000, 10 * DAY, ()),
        (400, 37, 17 * HOUR, ("slow",)),
        (90, 500, 40 * HOUR, ("grouped", "plain")),
        (12, 10, 50 * HOUR, ("plain",)),
    ],
)
def test_scores_are_those_of_detectors_that_were_scored_alone(
    home: Path,
    detectors: list[Detector],
    alone: pa.Table,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    batch: int,
    every: timedelta,
    ahead: tuple[str, ...],
) -> None:
    monkeypatch.setattr(cutter, "STEP_ROWS", step)
    monkeypatch.setattr(reading, "BATCH_ROWS", batch)
    with watched(home) as (app, siem):
        now = TRAINED + 11 * HOUR
        for detector in detectors:  # some are ahead of the others
            if detector.name in ahead:
                assert score_live(app, detector, now=now) is not None
        while now < END:
            now = min(now + every, END)
            siem.reads.clear()
            assert not errors(together(app, detectors, now))
        assert len(siem.reads) == (1 if every < 10 * DAY else len(detectors))
        assert stored(app).equals(alone)


def test_a_detector_whose_scores_are_refused_ends_alone_and_catches_up_later(
    home: Path, detectors: list[Detector], alone: pa.Table
) -> None:
    with watched(home) as (app, siem):
        together(app, detectors, TRAINED + DAY)
        siem.refuses = {"slow"}
        found = together(app, detectors, TRAINED + 2 * DAY)
        assert {name: type(e) for name, e in errors(found).items()} == {"slow": SiemRefused}
        assert found["plain"].outcome.scored > 100
        ends = {d.name: runs(app.state, d.name, 1, kind="score")[0] for d in detectors}
        assert {n: run.status for n, run in ends.items()} == {
            "plain": "done", "slow": "failed", "grouped": "done",
        }  # fmt: skip
        assert ends["slow"].error == "no right for a test"
        siem.refuses = set()
        siem.reads.clear()
        found = together(app, detectors, END - HOUR)
        assert found["slow"].outcome.resolved == 1
        assert len(siem.reads) == 2  # it reads apart, and so catches up
        siem.reads.clear()
        assert not errors(together(app, detectors, END))
        assert len(siem.reads) == 1
        assert stored(app).equals(alone)


def test_a_siem_that_does_not_answer_a_read_ends_all_and_loses_nothing(
    home: Path, detectors: list[Detector], alone: pa.Table
) -> None:
    with watched(home) as (app, siem):
        together(app, detectors, TRAINED + DAY)
        siem.unavailable_after = 3
        found = errors(together(app, detectors, END))
        assert [type(found[d.name]) for d in detectors] == [SiemUnavailable] * 3
        for detector in detectors:
            assert runs(app.state, detector.name, 1)[0].status == "failed"
            assert runs(app.state, detector.name, 1)[0].counts["scored"] > 0
        siem.unavailable_after = None
        siem.reads.clear()
        assert not errors(together(app, detectors, END))
        assert len(siem.reads) == 1  # they were cut at the same times
        assert stored(app).equals(alone)


def test_a_detector_that_another_thread_holds_or_whose_model_is_damaged_is_left_out(
    home: Path, detectors: list[Detector], alone: pa.Table
) -> None:
    with watched(home) as (app, _):
        champion = Versions(app.state).champion("plain")
        assert champion is not None
        folder = app.artifact_folder("plain", champion.version)
        intact = {path: path.read_bytes() for path in folder.iterdir()}
        for path in intact:
            if path.name != "manifest.json":
                path.write_bytes(b"xyz")
        with _held_elsewhere(app.state, "slow"):
            found = errors(together(app, detectors, TRAINED + DAY))
        assert {n: type(e) for n, e in found.items()} == {
            "plain": ArtifactError, "slow": StateError,
        }  # fmt: skip
        for path, content in intact.items():
            path.write_bytes(content)
        assert not errors(together(app, detectors, END))
        assert stored(app).equals(alone)


def test_a_field_that_may_not_be_read_is_the_trouble_of_its_detector_only(
    home: Path, detectors: list[Detector], alone: pa.Table
) -> None:
    plain, slow, grouped = detectors
    write = plain.write.model_copy(update={"copy_fields": ("network.bytes", "no.such")})
    with watched(home) as (app, siem):
        together(app, detectors, TRAINED + DAY)
        # A new plan begins further back; give it the place of the old one, so that it could share.
        broken = plain.model_copy(update={"write": write})
        _same_progress(app, plain, broken)
        siem.reads.clear()
        siem.refuses_fields = {"no.such"}
        found = together(app, [broken, slow, grouped], TRAINED + 2 * DAY)
        ((name, error),) = errors(found).items()
        assert (name, type(error)) == ("plain", SiemRefused)
        assert "no.such" in str(error)
        assert found["slow"].outcome.read == found["grouped"].outcome.read > 100
        assert not errors(together(app, detectors, END))
        assert stored(app).equals(alone)


@pytest.mark.parametrize("asked", [2, 8])
def test_asked_to_stop_they_end_between_two_steps_and_go_on_where_they_were(
    home: Path, detectors: list[Detector], alone: pa.Table, asked: int
) -> None:
    calls = 0

    def stop(_read: int) -> None:
        nonlocal calls
        calls += 1
        if calls > asked:
            raise Stopped

    with watched(home) as (app, _):
        together(app, detectors, TRAINED + DAY)
        with pytest.raises(Stopped):
            together(app, detectors, END, progress=stop)
        ends = [runs(app.state, d.name, 1)[0].status for d in detectors]
        begun = detectors if asked >= len(detectors) else detectors[:asked]
        assert ends[: len(begun)] == ["stopped"] * len(begun)
        assert not errors(together(app, detectors, END))
        assert stored(app).equals(alone)


class Crash(BaseException):
    """The process ends here: nothing is tidied up by what is meant to handle failures."""


@pytest.mark.parametrize("move", ["begin_batch", "mark_sent"])
@pytest.mark.parametrize("call", [1, 6])
def test_ended_in_the_middle_of_one_detectors_write_each_event_is_scored_once_for_all(
    home: Path,
    detectors: list[Detector],
    alone: pa.Table,
    monkeypatch: pytest.MonkeyPatch,
    move: str,
    call: int,
) -> None:
    real: Callable[..., None] = getattr(State, move)
    calls = 0

    def deadly(*arguments: object, **named: object) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Crash
        real(*arguments, **named)

    with watched(home) as (app, _):
        together(app, detectors, TRAINED + DAY)
        monkeypatch.setattr(State, move, deadly)
        with pytest.raises(Crash):
            together(app, detectors, END)
        monkeypatch.setattr(State, move, real)
    with watched(home) as (app, _):
        assert not errors(together(app, detectors, END))
        assert stored(app).equals(alone)
        statuses = {run.status for d in detectors for run in runs(app.state, d.name, kind="score")}
        assert statuses == {"done", "lost"}


@contextmanager
def _held_elsewhere(state: State, detector: str) -> Iterator[None]:
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with state.lock(detector):
            held.set()
            go_on.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        yield
    finally:
        go_on.set()
        thread.join()


def _same_progress(app: App, old: Detector, new: Detector) -> None:
    was, now = (plan_hash(d, app.query(d)) for d in (old, new))
    windows = app.settings.state / "windows" / old.name
    shutil.copytree(windows / was, windows / now)
    with app.state.database.writes() as connection:
        connection.exec_driver_sql(
            "INSERT INTO progress"
            " (detector, plan_hash, watermark, score_since, segments, pending, turn)"
            " SELECT detector, ?, watermark, score_since, segments, pending, turn + 1"
            " FROM progress WHERE plan_hash = ?",
            (now, was),
        )
