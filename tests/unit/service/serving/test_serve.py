"""The loop that serves, in this process: nothing waits for anything it need not wait for."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from apscheduler.triggers.date import DateTrigger

from scoreback.errors import ConfigError, StateError
from scoreback.models.detector.spec import Detector
from scoreback.service.scoring.champions import LiveRun
from scoreback.service.serving import schedule
from scoreback.service.serving import serve as module
from scoreback.service.serving.detector_watch import Served as ServedFile
from scoreback.service.serving.kinds import KINDS, scoring, training
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.settings import Settings
from scoreback.service.state.runs import end_run, start_run, stop_run
from scoreback.service.state.runs import runs as listed_runs
from scoreback.service.state.workspace_state import State

SECONDS = 60  # more than any of this takes
TEXT = """
name: {name}
events: {{local: {{stream: tiny}}}}
entity: host.name
labels: {{verdicts: {{join: event}}}}
features: [number: size]
alerts: {{budget: 5/day}}
"""


class Served:
    """A service in a thread, its jobs replaced by what a test wants."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.end, self.abandoned = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self._settings, self._folder = settings, folder
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            module.serve(
                self._settings,
                [self._folder],
                clock=lambda: datetime.now(UTC),
                wait=self.end.wait,
                abandon=self.abandoned.set,
                look_again=timedelta(milliseconds=20),
                trigger=_at_once,
            )
        except BaseException as error:  # noqa: BLE001 - told to the test
            self.error = error

    def ended(self) -> bool:
        self.end.set()
        self._thread.join(SECONDS)
        return not self._thread.is_alive()


def _at_once(_detector: Detector, kind: Kind) -> Any:  # noqa: ANN401 - untyped in APScheduler
    if kind.name == "train":
        return DateTrigger(datetime.now(UTC))
    from apscheduler.triggers.interval import IntervalTrigger

    return IntervalTrigger(seconds=0.02, timezone=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "detectors"
    made.mkdir()
    for name in ("one", "two"):
        (made / f"{name}.yml").write_text(TEXT.format(name=name))
    return made


@pytest.fixture
def serving(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(schedule, "SPREAD", timedelta(0))

    @contextmanager
    def make(train: Callable[[str], None], score: Callable[[str], None]) -> Iterator[Served]:
        def train_one(_app: object, detector: Detector, **_rest: object) -> object:
            train(detector.name)
            raise StateError("enough for a test")

        def score_all(_app: object, detectors: list[Detector], **_rest: object) -> object:
            for detector in detectors:
                score(detector.name)
            return [LiveRun(detector) for detector in detectors]

        monkeypatch.setattr(training, "train_detector", train_one)
        monkeypatch.setattr(scoring, "score_live_together", score_all)
        served = Served(Settings(home=tmp_path / "home"), folder)
        try:
            yield served
        finally:
            assert served.ended()

    return make


def test_a_long_training_keeps_no_detector_from_being_scored(serving: Callable[..., Any]) -> None:
    training, go_on = threading.Event(), threading.Event()
    scored = {name: threading.Event() for name in ("one", "two")}

    def train(_name: str) -> None:
        training.set()
        go_on.wait(SECONDS)

    def score(name: str) -> None:
        if training.is_set():
            scored[name].set()

    with serving(train, score) as served:
        assert training.wait(SECONDS)
        assert all(event.wait(SECONDS) for event in scored.values())
        go_on.set()
    assert served.error is None
    assert not served.abandoned.is_set()


def test_one_detector_is_trained_at_a_time_and_scored_by_one_run_at_a_time(
    serving: Callable[..., Any],
) -> None:
    lock, going, most = threading.Lock(), {"train": 0, "one": 0, "two": 0}, {"train": 0}
    trained: set[str] = set()
    both = threading.Event()

    def count(what: str) -> None:
        with lock:
            going[what] += 1
            most[what] = max(most.get(what, 0), going[what])
        threading.Event().wait(0.05)
        with lock:
            going[what] -= 1

    def train(name: str) -> None:
        count("train")
        trained.add(name)
        if trained == {"one", "two"}:
            both.set()

    with serving(train, count):
        assert both.wait(SECONDS)
    assert most == {"train": 1, "one": 1, "two": 1}


def test_a_job_that_does_not_come_to_a_step_is_abandoned_in_time(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "GRACE", timedelta(seconds=0.1))
    training, go_on = threading.Event(), threading.Event()

    def train(_name: str) -> None:
        training.set()
        go_on.wait(SECONDS)

    with serving(train, lambda _: None) as served:
        assert training.wait(SECONDS)
        assert served.ended()
        assert served.abandoned.is_set()
        go_on.set()
    assert any("stopped before its end" in record.getMessage() for record in caplog.records)


def test_a_stopped_or_killed_run_is_made_up_for_at_the_next_start(tmp_path: Path) -> None:
    began = datetime(2026, 6, 1, tzinfo=UTC)
    with State.open(tmp_path) as state:
        assert module.last_run(state, "one", KINDS["train"]) is None
        run = start_run(state, "one", "train", began)
        killed = module.last_run(state, "one", KINDS["train"])
        assert killed is not None
        assert killed < began - timedelta(days=365)
        with State.open(tmp_path) as other, other.lock("one", "train"):  # it is still going on
            assert module.last_run(state, "one", KINDS["train"]) == began
        assert module.last_run(state, "one", KINDS["score"]) is None
        stop_run(state, "one", "score", began)  # another kind: this one goes on
        end_run(state, run, "failed", began, error="x")
        assert module.last_run(state, "one", KINDS["train"]) == began
        start_run(state, "one", "train", began)
        stop_run(state, "one", "train", began)
        stopped = module.last_run(state, "one", KINDS["train"])
        assert stopped is not None
        assert stopped < began - timedelta(days=365)
        start_run(state, "one", "train", began)
        start_run(state, "one", "score", began)
        start_run(state, "one", "train", began)
        assert [run.status for run in listed_runs(state, "one", kind="train")] == [
            "running", "lost", "stopped", "failed",
        ]  # fmt: skip
        again = module.last_run(state, "one", KINDS["train"])
        assert again == began, "it was killed twice in a row, and may be why"
        assert listed_runs(state, "one", kind="score")[0].status == "running"


def test_without_a_sound_detector_nothing_is_served(
    serving: Callable[..., Any], folder: Path
) -> None:
    for path in folder.iterdir():
        path.write_text("name: [")
    with serving(lambda _: None, lambda _: None) as served:
        pass
    assert isinstance(served.error, ConfigError)
    assert str(served.error).count("not valid YAML") == 2


def test_trouble_with_the_state_between_two_looks_does_not_end_the_service(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    troubled, scored = threading.Event(), threading.Event()
    real = listed_runs

    def runs(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it stands for
        if not troubled.is_set():
            troubled.set()
            raise StateError("busy", hint="wait")
        return real(*arguments, **named)

    monkeypatch.setattr(module, "runs", runs)

    def score(name: str) -> None:
        if name == "one":
            scored.set()

    with serving(lambda _: None, score) as served:
        assert troubled.wait(SECONDS)
        assert scored.wait(SECONDS)
    assert served.error is None
    assert folder.is_dir()


def test_a_kind_that_is_added_runs_when_it_is_due_and_when_a_file_changes(
    serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    ran: dict[tuple[str, str], threading.Event] = {
        (kind, host): threading.Event()
        for kind in ("tally", "greet")
        for host in ("host.name", "host.id")
    }

    def kind(name: str, line: str | None) -> Kind:
        def run(_work: Work, served: Sequence[ServedFile]) -> Ended:
            for one in served:
                ran[name, one.detector.entity].set()
            return dict.fromkeys(one.detector.name for one in served)

        return Kind(name=name, line=lambda _: line, when_changed=line is None, run=run)

    for added in (kind("tally", "* * * * *"), kind("greet", None)):
        monkeypatch.setitem(cast("dict[str, Kind]", KINDS), added.name, added)
    with serving(lambda _: None, lambda _: None) as served:
        assert ran["tally", "host.name"].wait(SECONDS)
        assert ran["greet", "host.name"].wait(SECONDS)
        path = folder / "one.yml"
        path.write_text(path.read_text().replace("host.name", "host.id"))
        assert ran["greet", "host.id"].wait(SECONDS)
        assert ran["tally", "host.id"].wait(SECONDS)
    assert served.error is None
