"""One job's trouble: said once with the next step, and never the end of the others."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from scoreback.errors import SiemRefused, SiemUnavailable, TrainingRefused
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.scoring.champions import LiveRun
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.jobs import Jobs
from scoreback.service.serving.kinds import KINDS, reconciling, scoring, training
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop, Stopped
from scoreback.service.training import gate

T = datetime(2026, 6, 1, tzinfo=UTC)
TEXT = """
name: one
events: {local: {stream: tiny}}
entity: host.name
labels: {verdicts: {join: event}}
features: [number: size]
alerts: {budget: 5/day}
"""

DONE = (
    "v1 read 2 events and scored 2, 1 above the threshold: 0 alerts raised, 1 held back by cap or"
    " throttle"
)


@pytest.fixture
def stop() -> Stop:
    return Stop()


@pytest.fixture
def jobs(tmp_path: Path, stop: Stop, caplog: pytest.LogCaptureFixture) -> Iterator[Jobs]:
    caplog.set_level(logging.INFO, "scoreback")
    settings = Settings(home=tmp_path / "home")
    with State.open(settings.state) as state:
        made = Jobs(settings, state, stop, lambda: T)
        made.serve({"one": Served(Path("one.yml"), parse_detector(TEXT))})
        yield made


@pytest.fixture
def does(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes scoring and training raise what it is given, or do it."""

    def set_to(what: Exception | Callable[[], object]) -> None:
        def act(*_args: object, **_kwargs: object) -> object:
            if isinstance(what, Exception):
                raise what
            return what()

        monkeypatch.setattr(scoring, "score_live_together", act)
        monkeypatch.setattr(training, "train_detector", act)

    return set_to


def run_of(name: str, error: Exception | None = None) -> LiveRun:
    champion = ModelVersion(
        detector=name, version="v1", status="champion", artifact_hash="a", algorithm="xgboost",
        trained_as_of=T, created_at=T, parent=None, row_hash="r",
    )  # fmt: skip
    outcome = ScoreOutcome(read=2, scored=2, alerts=1, error=error)
    return LiveRun(one(name).detector, champion, outcome)


def scored() -> list[LiveRun]:
    return [run_of("one")]


def one(name: str) -> Served:
    return Served(Path(f"{name}.yml"), parse_detector(TEXT.replace("name: one", f"name: {name}")))


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    found = [(r.levelname, r.getMessage()) for r in caplog.records]
    caplog.clear()
    return found


def test_a_siem_that_does_not_answer_is_said_once_and_again_when_it_does(
    jobs: Jobs, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    for seconds in (1, 2, 3):
        does(SiemUnavailable(f"no answer in {seconds} s", hint="start it"))
        jobs.run("score", "one")
    ((level, text),) = said(caplog)
    assert level == "WARNING"
    assert "no answer in 1 s" in text
    assert "The next run tries again" in text
    assert "Try: start it" in text
    does(scored)
    jobs.run("score", "one")
    assert [text for _, text in said(caplog)] == [
        DONE, "works again",
    ]  # fmt: skip


def test_that_the_siem_does_not_answer_is_said_by_one_job_for_all(
    jobs: Jobs, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    does(SiemUnavailable("no answer"))
    jobs.run("score", "one")
    jobs.run("train", "one")
    assert [level for level, text in said(caplog) if "no answer" in text] == ["WARNING"]
    does(scored)
    jobs.run("score", "one")
    assert said(caplog)[-1] == ("INFO", "works again")
    does(SiemUnavailable("no answer"))
    jobs.run("train", "one")  # still the trouble it had
    jobs.run("score", "one")  # news again
    assert [level for level, text in said(caplog) if "no answer" in text] == ["WARNING"]


@pytest.mark.parametrize(
    ("error", "kind", "level"),
    [
        (SiemRefused("no right to read x", hint="grant it"), "score", "ERROR"),
        (TrainingRefused("only 3 positives", hint="wait"), "train", "WARNING"),
        (ValueError("surprise"), "score", "ERROR"),
    ],
)
def test_other_trouble_is_logged_with_its_remedy_and_said_again_only_when_it_changes(
    jobs: Jobs,
    does: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    kind: str,
    level: str,
) -> None:
    does(error)
    jobs.run(kind, "one")
    jobs.run(kind, "one")
    lines = [line for line in said(caplog) if not line[1].startswith("training starts")]
    assert len(lines) == 1
    assert lines[0][0] == level
    assert str(error) in lines[0][1]
    does(SiemRefused("something else"))
    jobs.run(kind, "one")
    assert ("ERROR", "something else") in said(caplog)


def test_a_mistake_of_ours_is_one_line_that_says_where(
    jobs: Jobs, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    does(ValueError("surprise"))
    jobs.run("score", "one")
    ((_, text),) = said(caplog)
    assert "test_jobs.py" in text
    assert "\n" not in text


def test_without_a_champion_the_next_step_is_named_once(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.run("score", "one")  # the real one, on an empty workspace
    jobs.run("score", "one")
    ((level, text),) = said(caplog)
    assert level == "WARNING"
    assert "scoreback train one.yml" in text


def test_a_job_that_is_asked_to_end_does_so_quietly_and_none_begins_afterwards(
    jobs: Jobs, stop: Stop, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    does(Stopped())
    jobs.run("score", "one")
    assert [level for level, _ in said(caplog)] == ["INFO"]
    stop.ask()
    does(ValueError("never"))
    jobs.run("score", "one")
    assert not said(caplog)


def test_a_detector_that_is_not_served_any_more_is_left_out(
    jobs: Jobs, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    does(ValueError("never"))
    jobs.run("score", "gone")
    assert not said(caplog)


def test_waiting_names_what_runs_still(jobs: Jobs, does: Callable[..., None]) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> object:
        begun.set()
        go_on.wait(30)
        return scored()

    does(slowly)
    thread = threading.Thread(target=jobs.run, args=("score", "one"))
    thread.start()
    begun.wait(30)
    assert jobs.wait(0) == [("score", "one")]
    go_on.set()
    assert jobs.wait(30) == []
    thread.join()


def test_a_warning_about_the_rule_is_said_once_while_it_lasts(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    edited = True

    def act(*_args: object, warn: Callable[[str], None], **_kwargs: object) -> bool:
        if edited:
            warn("the rule was edited")
        return False

    monkeypatch.setattr(reconciling, "reconcile", act)
    jobs.run("reconcile", "one")
    jobs.run("reconcile", "one")
    assert said(caplog) == [("WARNING", "the rule was edited")]
    edited = False
    jobs.run("reconcile", "one")
    jobs.run("reconcile", "one")
    assert said(caplog) == [("INFO", "works again")]
    edited = True
    jobs.run("reconcile", "one")
    assert said(caplog) == [("WARNING", "the rule was edited")]


def test_the_checks_findings_are_logged_by_their_weight(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    jobs.run("check", "one")  # the real one: the workspace has no stream
    ((level, text),) = said(caplog)
    assert level == "ERROR"
    assert "tiny" in text
    assert "Try: " in text


@pytest.mark.parametrize("approval", ["manual", "automatic"])
def test_a_training_makes_a_candidate_that_the_gate_decides_on(
    jobs: Jobs,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    approval: str,
) -> None:
    judged = SimpleNamespace(at_budget=SimpleNamespace(precision=0.5))
    version = SimpleNamespace(version="v1-aa")
    trained = SimpleNamespace(version=version, training=SimpleNamespace(evaluation=judged))

    def train(*_args: object, then: Callable[[object], None], **_kwargs: object) -> object:
        then(version)
        return trained

    monkeypatch.setattr(training, "train_detector", train)
    promoted: list[tuple[str, str]] = []
    monkeypatch.setattr(
        gate,
        "promote",
        lambda _app, _d, name, *, by, at: promoted.append((name, by + f"{at:%Y}")),
    )
    text = TEXT + f"gate: {{approval: {approval}}}\n"
    jobs.serve({"one": Served(Path("one.yml"), parse_detector(text))})
    jobs.run("train", "one")
    assert promoted == ([] if approval == "manual" else [("v1-aa", "scoreback2026")])
    last = said(caplog)[-1][1]
    assert "trained v1-aa, precision 0.50 at the budget" in last
    assert ("scoreback promote one.yml v1-aa" in last) == (approval == "manual")


@pytest.fixture
def pair(jobs: Jobs) -> Jobs:
    jobs.serve({name: one(name) for name in ("one", "two")})
    return jobs


def spoken(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    found = [(r.detector, r.getMessage()) for r in caplog.records]  # type: ignore[attr-defined]
    caplog.clear()
    return found


def test_detectors_of_one_job_have_a_line_each_and_one_that_fails_is_its_own_trouble(
    pair: Jobs, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    refused = SiemRefused("no right to write", hint="grant it")
    does(lambda: [run_of("one", refused), run_of("two")])
    pair.run("score", "one", "two")
    assert spoken(caplog) == [("two", DONE), ("one", "no right to write. Try: grant it")]
    does(lambda: [run_of("one"), run_of("two")])
    pair.run("score", "one", "two")
    assert spoken(caplog) == [("one", DONE), ("two", DONE), ("one", "works again")]


def test_what_ends_all_of_one_job_is_one_line_with_all_names(
    pair: Jobs, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    away = SiemUnavailable("no answer")
    does(lambda: [run_of("one", away), run_of("two", away)])
    pair.run("score", "one", "two")
    pair.run("score", "one", "two")
    ((who, text),) = spoken(caplog)
    assert who == "one, two"
    assert "no answer" in text
    does(Stopped())
    pair.run("score", "one", "two")
    assert spoken(caplog) == [("one, two", "stopped between two steps; nothing is lost")]


def test_a_detector_that_is_scored_already_is_left_out_of_a_job_beside_it(
    pair: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go_on, asked = threading.Event(), threading.Event(), []

    def act(_app: object, detectors: list[Detector], **_kwargs: object) -> list[LiveRun]:
        names = [detector.name for detector in detectors]
        asked.append(names)
        if names == ["one"]:
            begun.set()
            go_on.wait(30)
        return [run_of(name) for name in names]

    monkeypatch.setattr(scoring, "score_live_together", act)
    thread = threading.Thread(target=pair.run, args=("score", "one"))
    thread.start()
    begun.wait(30)
    pair.run("score", "one", "two")
    assert asked == [["one"], ["two"]]
    assert ("one", "previous run still in progress; skipping this one") in spoken(caplog)
    assert pair.wait(0) == [("score", "one")]
    go_on.set()
    thread.join()


def test_a_kind_that_is_added_runs_with_an_open_workspace_for_the_detectors_it_is_asked_for(
    pair: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[tuple[str, ...]] = []

    def tally(work: Work, served: Sequence[Served]) -> Ended:
        assert work.app.connector.name == "local"
        assert work.now == T
        names = tuple(one.detector.name for one in served)
        seen.append(names)
        work.warn("weather", names, "it rains")
        return {"one": None, "two": SiemRefused("it is too wet", hint="take an umbrella")}

    kind = Kind(name="tally", line=lambda _detector: "* * * * *", run=tally)
    monkeypatch.setitem(cast("dict[str, Kind]", KINDS), "tally", kind)
    pair.run("tally", "one", "gone", "two")
    pair.run("tally", "two")
    assert seen == [("one", "two"), ("two",)]
    assert spoken(caplog) == [
        ("one, two", "it rains"),
        ("two", "it is too wet. Try: take an umbrella"),
    ]


def test_detector_files_that_change_while_a_job_runs_count_from_the_next_run_on(
    pair: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[list[str]] = []

    def act(_app: object, detectors: list[Detector], **_kwargs: object) -> list[LiveRun]:
        asked.append([detector.entity for detector in detectors])
        changed = TEXT.replace("name: one", "name: two").replace("host.name", "user.name")
        pair.serve({"two": Served(Path("two.yml"), parse_detector(changed))})
        return [run_of(detector.name) for detector in detectors]

    monkeypatch.setattr(scoring, "score_live_together", act)
    pair.run("score", "one", "two")
    pair.run("score", "one", "two")
    assert asked == [["host.name", "host.name"], ["user.name"]]
    assert spoken(caplog) == [("one", DONE), ("two", DONE), ("two", DONE)]


def test_detectors_that_are_gone_when_a_job_fails_are_named_all_the_same(
    pair: Jobs, does: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> object:
        pair.serve({})
        raise SiemRefused("no right to read", hint="grant it")

    does(fail)
    pair.run("score", "one", "two")
    assert spoken(caplog) == [("one, two", "no right to read. Try: grant it")]
    assert pair.wait(0) == []
