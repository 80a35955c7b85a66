"""What searches in Splunk score by follows the service: model, version and threshold in force.

Events are scored on the embedded SIEM; its doors to resources and native scoring are those of a
simulated Splunk.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from scoreback.connectors.doors import Connector
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.deployment import MODEL, NativePoint, Standing
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.portable.parity import ParityBroken
from scoreback.models.portable.portability import hindrances
from scoreback.service.app import App, opened
from scoreback.service.deploying import native_models
from scoreback.service.deploying.native import follow_native
from scoreback.service.deploying.plan_apply import Action, apply, plan
from scoreback.service.deploying.promotion import promote, rollback
from scoreback.service.settings import Settings
from scoreback.service.state.pacing_log import latest_threshold
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import train_detector
from tests.integration.conftest import DAYS, FILE, TRAINED, day
from tests.integration.embedded import champion_of, score_until
from tests.splunkd.connection import connected, simulated

NOW = day(DAYS)


class _Both:
    """The embedded SIEM with two doors of Splunk's."""

    def __init__(self, local: LocalConnector, splunk: SplunkConnector) -> None:
        self._local = local
        self.native, self.resources = splunk.native, splunk.resources

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the door is
        return getattr(self._local, name)


@dataclass(frozen=True)
class Setup:
    app: App
    splunk: SplunkConnector
    warnings: list[str]

    def follow(self, detector: Detector, **given: bool) -> NativePoint | None:
        follow_native(self.app, [detector], at=NOW, warn=self.warnings.append, **given)
        return self.splunk.native.in_force().get(detector.name)

    @property
    def models(self) -> set[str]:
        return {one.name for one in self.splunk.resources.made() if one.kind == MODEL}


def _portable() -> Detector:
    written = load_detector(FILE)
    features = [f for f in written.features if not hindrances([f])]
    return Detector.model_validate(
        {**written.model_dump(mode="json"), "name": "portable"}
        | {"features": [f.model_dump(mode="json") for f in features]}
        | {"train": {"algorithms": ["xgboost"]}}  # the quickest that has trees
    )


PORTABLE = _portable()


@pytest.fixture(scope="module")
def two_versions(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained workspace, and two versions of a portable detector, the first one champion."""
    home = tmp_path_factory.mktemp("portable") / "home"
    shutil.copytree(trained, home)
    with opened(Settings(home=home)) as app:
        first = train_detector(app, PORTABLE, as_of=day(TRAINED), now=day(TRAINED))
        promote(app, PORTABLE, first.version.version, by="test", at=day(TRAINED))
        train_detector(app, PORTABLE, as_of=day(TRAINED + 2), now=day(TRAINED + 2))
    return home


@contextmanager
def _joined(home: Path) -> Iterator[Setup]:
    with (
        simulated(now=NOW, delay=0) as simulator,
        connected(simulator) as splunk,
        opened(Settings(home=home)) as app,
    ):
        assert isinstance(app.connector, LocalConnector)
        both = cast("Connector", _Both(app.connector, splunk))
        yield Setup(replace(app, connector=both), splunk, [])


@pytest.fixture
def setup(two_versions: Path, tmp_path: Path) -> Iterator[Setup]:
    shutil.copytree(two_versions, tmp_path / "home")
    with _joined(tmp_path / "home") as found:
        yield found


def test_the_champions_model_and_its_threshold_go_there_once(setup: Setup) -> None:
    champion = champion_of(setup.app, PORTABLE).version
    point = setup.follow(PORTABLE)
    assert point is not None
    assert (point.version, point.why, point.entity_field) == (champion, "", "host.name")
    assert setup.models == {f"portable:{champion}"}
    assert setup.warnings == []
    follow_native(setup.app, [PORTABLE], at=day(DAYS + 1))
    again = setup.splunk.native.in_force()["portable"]
    assert again.updated_at == NOW, "nothing changed, so nothing was written"


def test_the_threshold_follows_what_scores_were_judged_by(setup: Setup) -> None:
    before = setup.follow(PORTABLE)
    score_until(setup.app, PORTABLE, NOW)
    champion = champion_of(setup.app, PORTABLE).version
    latest = latest_threshold(setup.app.state.database, "portable", champion)
    after = setup.follow(PORTABLE)
    assert before is not None
    assert latest is not None
    assert after is not None
    assert after.threshold == latest.score != before.threshold
    assert after.digest == before.digest


def test_a_promotion_and_a_rollback_are_followed_at_once(setup: Setup) -> None:
    setup.follow(PORTABLE)
    first = champion_of(setup.app, PORTABLE).version
    second = next(
        one.version for one in Versions(setup.app.state).list("portable")
        if one.version != first
    )  # fmt: skip
    promote(setup.app, PORTABLE, second, by="test", at=NOW)
    assert setup.splunk.native.in_force()["portable"].version == second
    assert setup.models == {f"portable:{first}", f"portable:{second}"}, "a rollback may come"
    rollback(setup.app, PORTABLE, by="test", at=NOW)
    assert setup.splunk.native.in_force()["portable"].version == first


def test_a_detector_with_windows_says_why_searches_cannot_score_it(setup: Setup) -> None:
    windows = load_detector(FILE)
    point = setup.follow(windows)
    assert point is not None
    assert "looks at earlier events, which only the service keeps" in point.why
    assert "regular expression" in point.why
    assert setup.models == set()
    (note,) = [each for each in plan(setup.app, [windows]).notes if "by the SIEM itself" in each]
    assert point.why in note


def test_plan_shows_the_model_and_apply_puts_it_there(setup: Setup) -> None:
    def of_models() -> list[Action]:
        return [i.action for i in plan(setup.app, [PORTABLE]).items if i.kind == MODEL]

    assert of_models() == [Action.CREATE]
    apply(setup.app, [PORTABLE], take_over=False, by="test", at=NOW)
    assert of_models() == [Action.NOTHING]
    assert setup.splunk.native.in_force()["portable"].why == ""
    (made,) = [one for one in setup.splunk.resources.made() if one.kind == MODEL]
    setup.splunk.resources.remove(made)
    setup.follow(PORTABLE, anew=True)
    assert setup.models == set(), "somebody took it out: it stays out"
    assert "somebody removed the model" in setup.warnings[0]
    assert of_models() == [Action.RESTORE]
    apply(setup.app, [PORTABLE], take_over=False, by="test", at=NOW)
    assert len(setup.models) == 1


def test_a_model_that_does_not_pass_the_gate_stays_out(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: object) -> None:
        raise ParityBroken("it scores 0.5 what the service scores 0.4")

    monkeypatch.setattr(native_models, "require_parity", broken)
    point = setup.follow(PORTABLE)
    assert point is not None
    assert "gives other scores in the SIEM" in point.why
    assert setup.models == set()
    assert setup.warnings == ["it scores 0.5 what the service scores 0.4"]
    setup.follow(PORTABLE)
    assert len(setup.warnings) == 1, "the gate is not asked again before there is another version"


def test_a_model_that_somebody_changed_is_told_and_mended_by_taking_over(setup: Setup) -> None:
    setup.follow(PORTABLE)
    (made,) = [one for one in setup.splunk.resources.made() if one.kind == MODEL]
    kv = setup.splunk.resources._kv
    row = kv.get("scoreback_models", f"{made.name}:0")
    assert row is not None
    kv.save("scoreback_models", [{**row, "text": row["text"].replace("intercept", "extra", 1)}])
    (item,) = [i for i in plan(setup.app, [PORTABLE]).items if i.kind == MODEL]
    assert item.found.standing is Standing.EDITED
    apply(setup.app, [PORTABLE], take_over=True, by="test", at=NOW)
    (item,) = [i for i in plan(setup.app, [PORTABLE]).items if i.kind == MODEL]
    assert item.found.standing is Standing.CURRENT
