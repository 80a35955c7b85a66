"""A shadow scores beside the champion: the same rows, no alert, and no harm where it is damaged."""

import logging
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from scoreback.errors import StateError
from scoreback.health import Kind
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App, opened
from scoreback.service.cli import app as cli
from scoreback.service.deploying.promotion import promote
from scoreback.service.monitoring.monitor import health_of
from scoreback.service.scoring.champions import LiveRun, score_live
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.versions import Versions
from tests.contract.double import DoubleConnector
from tests.integration.alike import DAY, END, HOUR, TRAINED, detectors_of, stored, text_of
from tests.integration.command import runner
from tests.integration.embedded import champion_of, siem_of
from tests.integration.test_while_scoring import elsewhere, second_version

pytestmark = pytest.mark.usefixtures("small_steps")


@pytest.fixture
def detector() -> Detector:
    return detectors_of()[0]


def shadowed(app: App, detector: Detector) -> tuple[str, str]:
    """The champion, and a shadow beside it."""
    second = second_version(app, detector)
    Versions(app.state).shadow(detector.name, second, by="ann", at=TRAINED)
    return champion_of(app, detector).version, second


def run_until(app: App, detector: Detector, now: datetime) -> LiveRun:
    run = score_live(app, detector, now=now)
    assert run is not None
    return run


def damage(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "manifest.json":
            path.write_bytes(b"xyz")


def test_one_run_scores_with_champion_and_shadow_and_only_the_champion_alerts(
    home: Path, detector: Detector
) -> None:
    with opened(Settings(home=home)) as app:
        champion, shadow = shadowed(app, detector)
        run = run_until(app, detector, END)
        assert run.champion is not None
        assert run.champion.version == champion
        found = stored(app)
        of = {
            (version, stage): found.filter(
                pc.and_(pc.equal(found["version"], version), pc.equal(found["stage"], stage))
            )
            for version, stage in ((champion, "live"), (shadow, "shadow"))
        }
        live, beside = of.values()
        assert live.num_rows + beside.num_rows == found.num_rows
        assert sorted(live["event_id"].to_pylist()) == sorted(beside["event_id"].to_pylist())
        assert {alert.version for alert in siem_of(app).alerts.find()} == {champion}
        assert run.outcome.scored == live.num_rows
        assert run.outcome.alerts == pc.sum(live["alert"]).as_py()
        assert pc.sum(beside["alert"]).as_py()
        assert beside["chance"].null_count == beside.num_rows  # nobody is shown what it says
        assert not run.unusable


def test_the_champion_goes_on_without_a_damaged_shadow_and_everybody_is_told(
    home: Path, detector: Detector, tmp_path: Path
) -> None:
    with opened(Settings(home=home)) as app:
        champion, shadow = shadowed(app, detector)
        damage(app.artifact_folder(detector.name, shadow))
        run = run_until(app, detector, END)
        assert run.outcome.scored > 100
        assert set(stored(app)["version"].to_pylist()) == {champion}
        assert set(run.unusable) == {shadow}
        documents = health_of(app, detector, now=END)
        assert documents[0].figures["state"] == "attention"
        assert shadow in str(documents[0].figures["why"])
        (about,) = (d for d in documents if d.kind is Kind.VERSION)
        assert about.figures["shadows"] == 1
    file = tmp_path / "plain.yml"
    file.write_text(text_of("plain"))
    said = CliRunner().invoke(cli, ["versions", str(file), "--home", str(home)])
    assert said.exit_code == 0
    assert f"{shadow} cannot score" in said.stderr
    assert "shadow" in said.stdout


def test_a_shadow_of_another_feature_plan_is_left_out_and_told(
    home: Path, detector: Detector
) -> None:
    slow = detectors_of()[1]
    with opened(Settings(home=home)) as app:
        champion, shadow = shadowed(app, detector)
        folder = app.artifact_folder(detector.name, shadow)
        for path in folder.iterdir():
            path.unlink()
        other = app.artifact_folder(slow.name, champion_of(app, slow).version)
        for path in other.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        run = run_until(app, detector, END)
        assert set(run.unusable) == {shadow}
        assert set(stored(app)["version"].to_pylist()) == {champion}


def test_a_shadow_that_is_promoted_alerts_from_the_next_step_on_and_is_no_shadow_any_more(
    home: Path, detector: Detector
) -> None:
    with opened(Settings(home=home)) as app:
        champion, shadow = shadowed(app, detector)
        run_until(app, detector, TRAINED + HOUR)
        read = 0

        def in_the_middle(rows: int) -> None:
            nonlocal read
            was, read = read, read + rows
            if was < 400 <= read:
                elsewhere(home, lambda other: promote(other, detector, shadow, by="ann", at=END))

        run = score_live(app, detector, now=END, progress=in_the_middle)
        assert run is not None
        assert run.champion is not None
        assert run.champion.version == shadow
        found = stored(app)
        live = found.filter(pc.equal(found["stage"], "live"))
        assert set(live["version"].to_pylist()) == {champion, shadow}
        assert pc.count_distinct(live["event_id"]).as_py() == live.num_rows
        beside = found.filter(pc.equal(found["stage"], "shadow"))
        assert set(beside["version"].to_pylist()) == {shadow}
        both = live.filter(pc.equal(live["version"], champion))
        assert sorted(both["event_id"].to_pylist()) == sorted(beside["event_id"].to_pylist())


def test_of_two_people_who_promote_at_once_one_wins_and_the_other_is_told(
    home: Path, detector: Detector
) -> None:
    with opened(Settings(home=home)) as app:
        _, shadow = shadowed(app, detector)
        seen = champion_of(app, detector)  # by both
        third = second_version(app, detector)
        promote(app, detector, shadow, by="ann", at=END, instead_of=seen)
        with pytest.raises(StateError, match=f"ann was quicker: {shadow}"):
            promote(app, detector, third, by="bob", at=END + HOUR, instead_of=seen)
        assert champion_of(app, detector).version == shadow


def test_a_person_retires_a_shadow_which_scores_no_more_and_the_champion_stays(
    home: Path,
    detector: Detector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "plain.yml"
    file.write_text(text_of("plain"))
    with opened(Settings(home=home)) as app:
        champion, shadow = shadowed(app, detector)
    run = runner(monkeypatch, capsys)
    words = ("--reason", "looks at names", "--by", "ann", "--home", home)
    assert run("retire", file, champion, *words).code == 1
    ended = run("retire", file, shadow.partition("-")[0], *words)
    assert ended.out == f"{shadow} of plain is retired: it was shadow.\n", ended.err
    assert run("retire", file, shadow, *words, "--json").json["status"] == "retired"
    with opened(Settings(home=home)) as app:
        assert [one.version for one in Versions(app.state).due("plain")] == [champion]
        retired = [one for one in audit_log(app.state) if one.action == "retire"]
        assert [(one.actor, one.detail["reason"]) for one in retired] == [("ann", "looks at names")]


@pytest.mark.usefixtures("caplog")
def test_on_the_poorest_siem_a_shadow_raises_nothing(
    home: Path, detector: Detector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    events = detector.model_copy(update={"events": {"double": {"stream": "alerts"}}})
    with opened(Settings(home=home)) as local:
        shadowed(local, detector)
        double = DoubleConnector.open("double", {"path": str(home / "double")})
        settings = local.settings.model_copy(update={"connector": "double"})
        double.log.set_clock(END)
        from tests.integration.alike import events as all_events

        double.intake.add_events("alerts", all_events())
        double.log.set_clock(END + DAY)
        app = App(settings, double, local.state, lambda: double.log.now)
        champion = champion_of(app, detector).version
        promote(app, events, champion, by="ann", at=TRAINED)
        now = END + DAY
        for _ in range(4):
            run_until(app, events, now)
            now += HOUR
            double.log.set_clock(now)
        alerts = list(double.alerts.find())
        assert alerts
        assert {alert.version for alert in alerts} == {champion}
    assert not caplog.records
