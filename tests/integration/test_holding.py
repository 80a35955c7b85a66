"""Over the whole road: what we hold back ourselves is what a SIEM's rules would let join."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.doors import AlertQuery, ScoreQuery
from scoreback.connectors.local import events as reading
from scoreback.connectors.local.rule_engine.rules import Rules
from scoreback.deployment import Standing, Suppress
from scoreback.health import Kind
from scoreback.models.detector.spec import Detector
from scoreback.records import Stage, TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.deploying.plan_apply import plan
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.in_force.change import change
from scoreback.service.monitoring.monitor import health_of
from scoreback.service.scoring import cutter
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from tests.integration import killed_run
from tests.integration.embedded import score_until, siem_of
from tests.integration.test_exactly_once import SCORING

WEEK = timedelta(days=7)


@pytest.fixture
def incapable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules that let nothing join."""
    monkeypatch.setattr(Rules, "suppresses", frozenset())


def scored(home: Path, detector: Detector, end: datetime) -> ScoreOutcome:
    with opened(Settings(home=home)) as app:
        change(app, detector, "alerts.per_entity", "1/day", author="ann", reason="noisy", at=end)
        reconcile(app, detector, at=end)
        return score_until(app, detector, end)


def live_scores(app: App, detector: Detector, end: datetime) -> list[dict[str, Any]]:
    window = TimeWindow(since=end - WEEK, until=end)
    query = ScoreQuery(detector=detector.name, window=window, stage=Stage.LIVE.value)
    return [row for b in siem_of(app).scores.read(query) for row in b.batch.to_pylist()]


def alerted(app: App, detector: Detector) -> list[str]:
    """The events that opened an alert, as analysts see them."""
    found = siem_of(app).alerts.find(AlertQuery(detector=detector.name))
    return sorted(alert.event_id for alert in found)


@pytest.fixture(autouse=True, scope="module")
def _several_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutter, "STEP_ROWS", killed_run.STEP_ROWS)
        patch.setattr(reading, "BATCH_ROWS", killed_run.STEP_ROWS)
        yield


@pytest.fixture(scope="module")
def by_rules(
    trained: Path, tmp_path_factory: pytest.TempPathFactory, detector: Detector, end: datetime
) -> list[str]:
    """Which events open an alert where the SIEM's rules hold back."""
    home = tmp_path_factory.mktemp("by_rules") / "home"
    shutil.copytree(trained, home)
    assert Rules.suppresses == frozenset(Suppress)
    scored(home, detector, end)
    with opened(Settings(home=home)) as app:
        return alerted(app, detector)


@pytest.mark.usefixtures("incapable")
def test_analysts_see_the_same_alerts_whoever_holds_back(
    workspace: Path, detector: Detector, end: datetime, by_rules: list[str]
) -> None:
    outcome = scored(workspace, detector, end)
    with opened(Settings(home=workspace)) as app:
        rows = live_scores(app, detector, end)
        marked = sorted(row["event_id"] for row in rows if row["alert"])
        held = [r for r in rows if not r["alert"] and r["score"] >= r["threshold"] and r["reasons"]]
        (rule,) = (i for i in plan(app, [detector]).items if i.wanted.name == detector.name)
        notes = plan(app, [detector]).notes
        documents = health_of(app, detector, now=end)
        assert alerted(app, detector) == marked == by_rules
        sent = siem_of(app).rules.current(detector.name)
    assert len(held) == outcome.suppressed > 0
    assert outcome.alerts == len(marked)
    assert all(json.loads(row["reasons"]) for row in held)
    days = {(row["entity"], row["event_time"].date()) for row in rows if row["alert"]}
    assert {(row["entity"], row["event_time"].date()) for row in held} <= days
    assert rule.found.standing is Standing.CURRENT
    assert sent is not None
    assert sent.throttle == timedelta(0)
    assert any("Scoreback itself holds back" in note for note in notes)
    (volume,) = (one for one in documents if one.kind is Kind.ALERTS)
    assert 0 < float(str(volume.figures["suppressed_last_day"])) <= outcome.suppressed


@pytest.mark.parametrize(
    ("move", "when"), [("begin_batch", "before"), ("begin_batch", "after"), ("mark_sent", "before")]
)
@pytest.mark.usefixtures("incapable")
def test_a_step_that_broke_off_holds_back_the_same(
    move: str,
    when: str,
    workspace: Path,
    detector: Detector,
    end: datetime,
    by_rules: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = getattr(State, move)
    with monkeypatch.context() as patch:
        patch.setattr(State, move, _breaking(real, when, call=SCORING + 1))
        with pytest.raises(_Broken):
            scored(workspace, detector, end)
    with opened(Settings(home=workspace)) as app:
        assert score_until(app, detector, end).error is None
        assert alerted(app, detector) == by_rules
        rows = live_scores(app, detector, end)
        assert sorted(row["event_id"] for row in rows if row["alert"]) == by_rules


class _Broken(Exception):
    """Where a process might be killed."""


def _breaking(real: Callable[..., Any], when: str, *, call: int) -> Callable[..., Any]:
    calls: list[int] = []

    def replacement(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it stands for
        calls.append(1)
        if len(calls) == call and when == "before":
            raise _Broken
        result = real(*args, **kwargs)
        if len(calls) == call:
            raise _Broken
        return result

    return replacement
