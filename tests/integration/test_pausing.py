"""A pause stops a detector's alerts within a run that goes on, and loses no score."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from scoreback.errors import ConfigError, SiemUnavailable
from scoreback.models.detector.file import parse_detector
from scoreback.records import audit_rule_name
from scoreback.service.app import App, opened
from scoreback.service.cli import app as command_line
from scoreback.service.deploying.pausing import pause, resume
from scoreback.service.detectors.check_job import check_detector
from scoreback.service.in_force.change import change
from scoreback.service.monitoring.monitor import health_of
from scoreback.service.scoring.champions import score_live
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import NotYet
from scoreback.service.serving.kinds.scoring import SCORE
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from tests.integration.alike import DAY, END, HOUR, TRAINED, detectors_of, stored, text_of, watched
from tests.integration.embedded import siem_of
from tests.integration.test_while_scoring import elsewhere, named

pytestmark = pytest.mark.usefixtures("small_steps")
PLAIN = named("plain")


@pytest.fixture
def app(home: Path) -> Iterator[App]:
    with opened(Settings(home=home)) as app:
        yield app


def alerts(app: App) -> list[str]:
    return [one.alert_id for one in siem_of(app).alerts.find() if one.detector == "plain"]


def scores(app: App) -> pa.Table:
    found = stored(app)
    return found.filter(pc.equal(found["detector"], "plain"))


def test_a_run_that_goes_on_raises_nothing_from_its_next_step_and_still_scores(
    app: App, home: Path
) -> None:
    assert score_live(app, PLAIN, now=TRAINED + HOUR) is not None
    read, before = 0, list[str]()

    def in_the_middle(rows: int) -> None:
        nonlocal read
        was, read = read, read + rows
        if was < 600 <= read:  # of its steps, the first are published by then
            elsewhere(home, lambda other: pause(other, PLAIN, by="ann", reason="", at=END))
            before.extend(alerts(app))

    assert score_live(app, PLAIN, now=END, progress=in_the_middle) is not None
    assert read > 700
    assert before
    assert alerts(app) == before  # the rule is switched off at once
    found = scores(app)
    late = found.filter(pc.greater(found["event_time"], pa.scalar(TRAINED + 2 * DAY)))
    assert not pc.any(late["alert"]).as_py()
    assert pc.any(pc.greater_equal(late["score"], late["threshold"])).as_py()
    marked = set(found.filter(found["alert"])["event_id"].to_pylist())
    resume(app, PLAIN, by="ann", reason="", at=END)
    assert score_live(app, PLAIN, now=END) is not None
    # Nothing of the paused time is raised later: at most what was on its way when it began.
    assert {one.event_id for one in siem_of(app).alerts.find() if one.detector == "plain"} <= marked


def test_alerts_come_again_after_a_resumption_and_the_hits_between_are_counted(app: App) -> None:
    done = pause(app, PLAIN, by="ann", reason="noise", at=TRAINED)
    assert done.paused is not None
    assert done.paused.in_words == (
        f"alerts are paused by ann since {TRAINED:%Y-%m-%d %H:%M} UTC: noise"
    )
    assert score_live(app, PLAIN, now=TRAINED + DAY) is not None
    assert not alerts(app)
    hits = scores(app)
    over = pc.sum(pc.greater_equal(hits["score"], hits["threshold"])).as_py()
    again = resume(app, PLAIN, by="bob", reason="", at=TRAINED + DAY)
    assert again.paused is None
    assert again.held_back == over > 0
    assert score_live(app, PLAIN, now=END) is not None
    first = next(one for one in siem_of(app).alerts.find() if one.detector == "plain")
    assert first.event_time > TRAINED + DAY - HOUR
    actors = [(one.actor, one.detail["value"]) for one in audit_log(app.state, "plain", 2)]
    assert actors == [("bob", None), ("ann", "false")]


def test_pausing_twice_keeps_who_did_it_first_and_resuming_twice_is_no_error(app: App) -> None:
    pause(app, PLAIN, by="ann", reason="", at=TRAINED)
    twice = pause(app, PLAIN, by="bob", reason="", at=END)
    assert not twice.changed
    assert twice.paused is not None
    assert twice.paused.by == "ann"
    assert resume(app, PLAIN, by="ann", reason="", at=END).changed
    assert not resume(app, PLAIN, by="ann", reason="", at=END).changed


def test_a_detector_that_its_file_switches_off_is_resumed_by_a_setting(app: App) -> None:
    off = parse_detector(text_of("plain") + "enabled: false\n")
    assert pause(app, off, by="ann", reason="", at=TRAINED).paused is not None
    assert resume(app, off, by="ann", reason="", at=END).paused is None
    assert pause(app, off, by="ann", reason="", at=END).changed


def test_a_locked_switch_is_refused(app: App) -> None:
    locked = parse_detector(text_of("plain") + "locked: [enabled]\n")
    with pytest.raises(ConfigError, match="enabled is locked"):
        pause(app, locked, by="ann", reason="", at=END)


def test_a_pause_holds_though_the_siem_does_not_answer(home: Path) -> None:
    with watched(home) as (app, siem):
        assert score_live(app, PLAIN, now=TRAINED + HOUR) is not None

        def gone(*_: object) -> None:
            raise SiemUnavailable("gone for a test")

        siem.rules = SimpleNamespace(  # type: ignore[attr-defined]  # in place of the real door
            standing=gone, suppresses=siem.siem.rules.suppresses,
            delivers=siem.siem.rules.delivers, reads=siem.siem.rules.reads,
        )  # fmt: skip
        said: list[str] = []
        done = pause(app, PLAIN, by="ann", reason="", at=END, warn=said.append)
        assert (done.rule_follows, done.changed) == (False, True)
        assert said == ["the rule in the SIEM did not follow: gone for a test"]
        assert score_live(app, PLAIN, now=END) is not None
        found = scores(app)
        after = found.filter(pc.greater(found["event_time"], pa.scalar(TRAINED + HOUR)))
        assert not pc.any(after["alert"]).as_py()


def test_audits_are_paused_too(app: App) -> None:
    audited = parse_detector(text_of("plain").replace("alerts: {", "alerts: {audit: 2/day, "))
    pause(app, audited, by="ann", reason="", at=END)
    for on in (False, True):
        rule = siem_of(app).rules.current(audit_rule_name("plain"))
        assert rule is not None
        assert rule.paused is not on
        resume(app, audited, by="ann", reason="", at=END + HOUR)


def test_a_damaged_model_does_not_keep_its_rule_from_being_paused(app: App) -> None:
    champion = siem_of(app).rules.current("plain")
    assert champion is not None
    for path in app.artifact_folder("plain", champion.version).iterdir():
        path.write_bytes(b"xyz")
    assert pause(app, PLAIN, by="ann", reason="", at=END).rule_follows
    rule = siem_of(app).rules.current("plain")
    assert rule is not None
    assert rule.paused


def test_serve_goes_on_scoring_what_is_paused_and_not_what_its_file_switches_off(
    app: App,
) -> None:
    off = parse_detector(text_of("slow") + "enabled: false\n")
    pause(app, PLAIN, by="ann", reason="", at=TRAINED)
    work = SimpleNamespace(
        app=app, now=TRAINED + DAY, pause=lambda _: None, apart=None,
        warn=lambda *_: None, clear=lambda *_: None, left=lambda _: None,
    )  # fmt: skip
    served = [Served(path=Path("plain.yml"), detector=PLAIN),
              Served(path=Path("slow.yml"), detector=off)]  # fmt: skip
    ended = SCORE.run(work, served)  # type: ignore[arg-type]  # what a run of it reads
    assert ended["plain"] is None
    assert isinstance(ended["slow"], NotYet)
    assert scores(app).num_rows > 0
    assert not alerts(app)


def test_health_and_check_say_that_alerts_are_paused(app: App) -> None:
    assert score_live(app, PLAIN, now=TRAINED + DAY) is not None
    pause(app, PLAIN, by="ann", reason="noise", at=TRAINED + DAY)
    now = TRAINED + DAY + timedelta(minutes=5)
    figures = health_of(app, PLAIN, now=now)[0].figures
    assert figures["state"] == "attention"
    assert "alerts are paused by ann" in str(figures["why"])
    assert any("paused by ann" in one.what for one in check_detector(app, PLAIN, now))
    change(app, PLAIN, "enabled", None, author="ann", reason="", at=now)
    off = parse_detector(text_of("plain") + "enabled: false\n")
    figures = health_of(app, off, now=now)[0].figures
    assert figures["state"] == "ok"
    assert "its file switches it off" in str(figures["why"])


def test_the_commands_say_what_they_did(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "plain.yml"
    file.write_text(text_of("plain"))

    def said(*words: str) -> str:
        result = CliRunner().invoke(command_line, [*words, "--home", str(home)])
        assert result.exit_code == 0, result.output
        return result.stdout

    answer = json.loads(said("pause", str(file), "--by", "ann", "--reason", "noise", "--json"))
    assert (answer["paused"], answer["by"], answer["reason"]) == (True, "ann", "noise")
    assert answer["since"].endswith("Z")
    assert "paused by ann" in said("pause", str(file))
    assert "paused by ann" in said("versions", str(file))
    assert [one["raises_alerts"] for one in json.loads(said("versions", str(file), "--json"))] == [
        False
    ]
    assert "raises alerts again" in said("resume", str(file))
    assert "were not paused" in said("resume", str(file))
    assert detectors_of()[0].name in said("versions", str(file))
