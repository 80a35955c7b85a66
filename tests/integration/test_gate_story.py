"""The gate from training to promotion or retirement, on the embedded SIEM."""

import json
import logging
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scoreback.errors import SiemRefused
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App, opened
from scoreback.service.cli import app as cli
from scoreback.service.comparing import gate_job
from scoreback.service.comparing.covered import Covered
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.deploying import promotion
from scoreback.service.scoring.champions import score_live
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.comparing import GATE
from scoreback.service.serving.kinds.kind import Work
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.gate_verdicts import last_verdict
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import train_detector
from tests.integration.alike import DAY, END, HOUR, TRAINED, detectors_of, text_of
from tests.integration.embedded import champion_of
from tests.integration.test_shadow import damage
from tests.integration.test_while_scoring import second_version

LINE = "gate: {{shadow: 1d, min_verdicts: {verdicts}, approval: {approval}}}\n"


def gated(verdicts: int = 5, approval: str = "manual", budget: str = "10/day") -> Detector:
    text = text_of("plain").replace("budget: 10/day", f"budget: {budget}")
    return parse_detector(text + LINE.format(verdicts=verdicts, approval=approval))


def upside_down(app: App) -> tuple[str, str]:
    """A champion that learnt what is good as bad, and the sound version as its shadow."""
    text = text_of("plain").replace(
        "positive: bad, negative: good", "positive: good, negative: bad"
    )
    wrong = train_detector(app, parse_detector(text), as_of=TRAINED, now=TRAINED).version.version
    versions, sound = Versions(app.state), champion_of(app, detectors_of()[0]).version
    versions.promote("plain", wrong, by="ann", at=TRAINED)
    versions.shadow("plain", sound, by="ann", at=TRAINED)
    return wrong, sound


def equal_shadow(app: App) -> str:
    detector = detectors_of()[0]
    second = second_version(app, detector)
    Versions(app.state).shadow("plain", second, by="ann", at=TRAINED)
    return second


def test_before_both_have_scored_as_long_as_asked_for_it_waits(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        shadow = equal_shadow(app)
        (waiting,) = run_gate(app, gated(), now=TRAINED)
        assert (waiting.outcome, waiting.version) == ("waiting", shadow)
        assert "0 hours of 1d" in waiting.why
        score_live(app, gated(), now=TRAINED + 12 * HOUR)
        (waiting,) = run_gate(app, gated(), now=TRAINED + 12 * HOUR)
        assert waiting.outcome == "waiting"
        assert last_verdict(app.state, "plain", shadow) is None


def test_too_few_verdicts_are_an_answer_and_nothing_is_done(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        shadow = equal_shadow(app)
        score_live(app, gated(), now=END)
        (found,) = run_gate(app, gated(verdicts=5000), now=END)
        assert found.outcome == "not_enough_verdicts"
        assert found.why.startswith("not enough verdicts yet: ")
        assert found.why.endswith(" of 5000")
        assert [one.version for one in Versions(app.state).shadows("plain")] == [shadow]
        assert last_verdict(app.state, "plain", shadow) == found
        assert run_gate(app, gated(), now=END + HOUR) == []  # a look a day
        assert run_gate(app, gated(), now=END + DAY) != []


def test_an_equal_shadow_is_no_better_and_retires_with_the_reason(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        shadow = equal_shadow(app)
        score_live(app, gated(), now=END)
        (found,) = run_gate(app, gated(), now=END)
        pair = found.body["against"]["champion"]
        assert pair["difference"] == 0 == pair["low"] == pair["high"]
        assert pair["ours"] == pair["theirs"]
        assert pair["both"] == pair["ours"]["alerts"] > 10
        assert found.outcome == "no_better"
        assert Versions(app.state).get("plain", shadow).status == "retired"
        (retired,) = (one for one in audit_log(app.state) if one.action == "retire")
        assert retired.detail["reason"] == found.why
        (compared,) = (one for one in audit_log(app.state) if one.action == "compare")
        assert compared.detail["outcome"] == "no_better"
        assert "best_single_feature" in found.body["missing"]
        assert "today_queue" in found.body["missing"]


def test_serve_says_what_became_of_a_comparison_and_what_to_do(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with opened(Settings(home=home)) as app:
        wrong, sound = upside_down(app)
        score_live(app, gated(), now=END)
        work = Work(
            app=app, now=END, pause=lambda _rows: None, warn=lambda *_: None,
            clear=lambda *_: None, apart=None, left=lambda _names: None,
        )  # fmt: skip
        assert GATE.run(work, [Served(Path("plain.yml"), gated())]) == {"plain": None}
        (said,) = (one.getMessage() for one in caplog.records if "beside" in one.getMessage())
        assert said.startswith(f"{sound} beside {wrong}: better than the champion")
        assert f"scoreback promote plain.yml {sound}" in said
        assert GATE.line(gated()) is not None
        assert GATE.line(parse_detector(text_of("plain") + "gate: {shadow: 0s}")) is None


@pytest.mark.parametrize("approval", ["manual", "automatic"])
def test_a_better_shadow_waits_for_a_person_or_is_promoted(home: Path, approval: str) -> None:
    with opened(Settings(home=home)) as app:
        wrong, sound = upside_down(app)
        score_live(app, gated(), now=END)
        (found,) = run_gate(app, gated(approval=approval), now=END)
        assert (found.outcome, found.version, found.against) == ("better", sound, wrong)
        pair = found.body["against"]["champion"]
        assert pair["low"] > 0
        assert pair["ours"]["alerts"] == pair["theirs"]["alerts"]
        assert "best_single_feature" in found.body["against"]
        champion = champion_of(app, gated()).version
        assert champion == (wrong if approval == "manual" else sound)
        assert [one.version for one in Versions(app.state).shadows("plain")] == (
            [sound] if approval == "manual" else []
        )


@pytest.mark.parametrize("act", ["promote", "retire"])
def test_a_verdict_is_written_with_what_it_leads_to_or_not_at_all(
    home: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    detector = gated(approval="automatic")
    with opened(Settings(home=home)) as app:
        shadow = upside_down(app)[1] if act == "promote" else equal_shadow(app)
        score_live(app, detector, now=END)
        with monkeypatch.context() as patch:
            patch.setattr(gate_job, "note_verdict", killed)
            with pytest.raises(Killed):
                run_gate(app, detector, now=END)
        assert last_verdict(app.state, "plain", shadow) is None
        assert Versions(app.state).get("plain", shadow).status == "shadow"
        run_gate(app, detector, now=END)
        assert last_verdict(app.state, "plain", shadow) is not None
        status = Versions(app.state).get("plain", shadow).status
        assert status == ("champion" if act == "promote" else "retired")


def test_what_the_siem_keeps_the_gate_from_is_written_down_and_tried_a_day_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = gated(approval="automatic")
    with opened(Settings(home=home)) as app:
        _, sound = upside_down(app)
        score_live(app, detector, now=END)
        with monkeypatch.context() as patch:
            patch.setattr(promotion, "_refuse_edited", refused)
            with pytest.raises(SiemRefused):
                run_gate(app, detector, now=END)
        assert Versions(app.state).get("plain", sound).status == "shadow"
        written = last_verdict(app.state, "plain", sound)
        assert written is not None
        assert written.outcome == "better"
        assert run_gate(app, detector, now=END + HOUR) == []
        run_gate(app, detector, now=END + DAY)
        assert champion_of(app, detector).version == sound


class Killed(BaseException):
    """As a process that ends at once: nothing catches it."""


def killed(*_: object, **__: object) -> None:
    raise Killed


def refused(*_: object) -> None:
    raise SiemRefused("somebody changed the rule for a test")


def test_a_damaged_shadow_is_an_answer_too(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        shadow = equal_shadow(app)
        score_live(app, gated(), now=END)
        damage(app.artifact_folder("plain", shadow))
        (found,) = run_gate(app, gated(), now=END)
        assert found.outcome == "unusable"
        assert shadow in found.why
        assert Versions(app.state).get("plain", shadow).status == "shadow"


def test_days_without_any_event_are_an_answer_too(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = (END + 30 * DAY, END + 34 * DAY)
    monkeypatch.setattr(Covered, "by", classmethod(lambda cls, *_: cls([quiet])))
    with opened(Settings(home=home)) as app:
        equal_shadow(app)
        (found,) = run_gate(app, gated(), now=END + 40 * DAY)
        assert found.outcome == "no_alerts"
        assert "neither version would have raised an alert" in found.why


def test_the_command_shows_the_comparison_at_80_columns_and_changes_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "plain.yml"
    file.write_text(text_of("plain") + LINE.format(verdicts=5, approval="manual"))
    with opened(Settings(home=home)) as app:
        shadow = equal_shadow(app)
        score_live(app, gated(), now=END)
    moment: datetime = END
    monkeypatch.setattr("scoreback.service.cli.options.now", lambda: moment)
    monkeypatch.setenv("COLUMNS", "80")
    command = ["versions", str(file), "--compare", "--home", str(home)]
    said = CliRunner().invoke(cli, command)
    assert said.exit_code == 0, said.output
    assert "no better than the champion" in " ".join(said.stdout.split())
    assert all(len(line) <= 80 for line in said.stdout.splitlines())
    told = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)
    assert told["now"][0]["outcome"] == "no_better"
    assert told["now"][0]["at"].endswith("Z")
    assert told["written"] == []
    with opened(Settings(home=home)) as app:
        assert Versions(app.state).get("plain", shadow).status == "shadow"
        run_gate(app, gated(), now=END)
    told = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)
    assert [one["outcome"] for one in told["written"]] == ["no_better"]
    shown = " ".join(CliRunner().invoke(cli, command).stdout.split())
    assert "Last comparison: " in shown
    assert f"{shadow} was retired by scoreback, {END:%Y-%m-%d %H:%M} UTC." in shown
    (written,) = told["written"]
    assert (written["decision"], written["decided_by"]) == ("retire", "scoreback")


def test_the_comparison_says_who_approved_and_by_which_numbers(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "plain.yml"
    file.write_text(text_of("plain") + LINE.format(verdicts=5, approval="manual"))
    monkeypatch.setattr("scoreback.service.cli.options.now", lambda: END + HOUR)
    command = ["versions", str(file), "--compare", "--home", str(home)]
    with opened(Settings(home=home)) as app:
        wrong, sound = upside_down(app)
        score_live(app, gated(), now=END)
        (verdict,) = run_gate(app, gated(), now=END)
    (written,) = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)["written"]
    assert (written["outcome"], written["decided_by"]) == ("better", None)
    approved = ["promote", str(file), sound, "--by", "dana", "--home", str(home)]
    assert CliRunner().invoke(cli, approved).exit_code == 0
    said = " ".join(CliRunner().invoke(cli, command).stdout.split())
    assert (
        f"Last comparison: {sound} beside {wrong}, {END:%Y-%m-%d %H:%M} UTC: {verdict.why}." in said
    )
    assert f"{sound} was promoted by dana, {END + HOUR:%Y-%m-%d %H:%M} UTC." in said
    (written,) = json.loads(CliRunner().invoke(cli, [*command, "--json"]).stdout)["written"]
    assert (written["decision"], written["decided_by"]) == ("promote", "dana")
    assert written["body"]["against"]["champion"]["low"] > 0
    assert gate_job.JOB == "gate"
