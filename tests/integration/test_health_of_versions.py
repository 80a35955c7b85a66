"""Health tells of shadows at the gate, of versions taken back, and of verdicts in quarantine."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scoreback.connectors.doors import AlertQuery
from scoreback.health import OWN, HealthDocument, Kind
from scoreback.models.detector.spec import Detector
from scoreback.records import Verdict
from scoreback.service.app import App, opened
from scoreback.service.cli import app as command_line
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.deploying.health_rules import reconcile_health
from scoreback.service.deploying.promotion import promote
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.labels.harvest import harvest
from scoreback.service.labels.quarantine import decide_on, in_quarantine
from scoreback.service.monitoring.monitor import health_of, monitor
from scoreback.service.recalling.rollback import roll_back, undo
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from tests.integration.alike import DAY, END, HOUR, TRAINED, detectors_of, text_of
from tests.integration.embedded import champion_of, siem_of
from tests.integration.test_gate_story import LINE, equal_shadow, gated, upside_down
from tests.integration.test_quarantine import FLOOD, LEARNS, NOW, app, flooded
from tests.integration.test_while_scoring import second_version

__all__ = ["app", "flooded"]  # fixtures


def told(found: list[HealthDocument], kind: Kind) -> dict[str, dict[str, object]]:
    return {d.subject: dict(d.figures) for d in found if d.kind is kind}


def status(found: list[HealthDocument]) -> dict[str, object]:
    return told(found, Kind.STATUS)[""]


def alerts_about(app: App) -> list[str]:
    return [one.rule for one in siem_of(app).alerts.find(AlertQuery(detector=OWN))]


def test_a_shadow_waits_is_compared_and_asks_for_approval_until_a_person_promotes_it(
    home: Path, tmp_path: Path
) -> None:
    with opened(Settings(home=home)) as app:
        wrong, sound = upside_down(app)
        reconcile_health(app, at=TRAINED)
        score_live(app, gated(), now=TRAINED + 12 * HOUR)
        waiting = told(health_of(app, gated(), now=TRAINED + 12 * HOUR), Kind.GATE)[sound]
        assert (waiting["outcome"], waiting["against"]) == ("waiting", wrong)
        assert waiting["scored_together"] < 86_400 == waiting["scored_together_wanted"]  # type: ignore[operator]  # seconds
        assert waiting["verdicts_wanted"] == 5
        assert "verdicts" not in waiting
        score_live(app, gated(), now=END)
        enough = told(health_of(app, gated(), now=END), Kind.GATE)[sound]
        assert enough["outcome"] == "waiting"
        assert "the gate compares once a day" in str(enough["why"])
        (verdict,) = run_gate(app, gated(), now=END)
        pair = verdict.body["against"]["champion"]
        found = monitor(app, gated(), now=END)
        better = told(found, Kind.GATE)[sound]
        assert (better["outcome"], better["awaits_approval"]) == ("better", 1)
        assert (better["precision"], better["champion_precision"], better["difference_low"]) == (
            pair["ours"]["precision"], pair["theirs"]["precision"], pair["low"],
        )  # fmt: skip
        assert better["at"] == END
        assert status(found)["gate_waiting"] == 1
        assert f"{sound} is better than {wrong} and waits" in str(status(found)["why"])
        assert alerts_about(app).count("health.gate_waiting") == 1
        file = tmp_path / "plain.yml"
        file.write_text(text_of("plain") + LINE.format(verdicts=5, approval="manual"))
        said = command("health", file, home, END)
        assert f"plain: {sound} beside {wrong}: better than the champion" in " ".join(said.split())
        automatic = health_of(app, gated(approval="automatic"), now=END)
        assert status(automatic)["gate_waiting"] == 0
        promote(app, gated(), sound, by="dana", at=END + HOUR)
        after = health_of(app, gated(), now=END + 2 * HOUR)
        done = told(after, Kind.GATE)[sound]
        assert (done["outcome"], done["awaits_approval"]) == ("better", 0)
        assert (done["decided_by"], done["decided_at"]) == ("dana", END + HOUR)
        assert status(after)["gate_waiting"] == 0
        assert told(health_of(app, gated(), now=END + 31 * DAY), Kind.GATE) == {}


def test_a_shadow_that_the_service_retired_says_so(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        shadow = equal_shadow(app)
        score_live(app, gated(), now=END)
        run_gate(app, gated(), now=END)
        found = told(health_of(app, gated(), now=END), Kind.GATE)[shadow]
        assert (found["outcome"], found["decided_by"], found["decided_at"]) == (
            "no_better", "scoreback", END,
        )  # fmt: skip


def test_a_verdict_beside_an_earlier_champion_asks_nobody_for_approval(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        _, sound = upside_down(app)
        score_live(app, gated(), now=END)
        run_gate(app, gated(), now=END)
        other = second_version(app, detectors_of()[0])
        promote(app, gated(), other, by="ann", at=END + HOUR)
        found = health_of(app, gated(), now=END + HOUR)
        again = told(found, Kind.GATE)[sound]
        assert (again["outcome"], again["against"]) == ("waiting", other)
        assert again["scored_together"] == 0
        assert status(found)["gate_waiting"] == 0


def test_where_nothing_is_compared_a_shadow_has_no_document(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        equal_shadow(app)
        off = gated().model_copy(update={"gate": gated().gate.model_copy(
            update={"shadow": DAY * 0})})  # fmt: skip
        assert told(health_of(app, off, now=TRAINED), Kind.GATE) == {}


@pytest.mark.parametrize("close", [False, True])
def test_a_version_that_was_taken_back_is_told_for_a_month_with_its_alerts(
    home: Path, tmp_path: Path, close: bool
) -> None:
    with opened(Settings(home=home)) as app:
        plain = detectors_of()[0]
        bad = bad_version(app, plain)
        door = siem_of(app).alerts
        first = next(iter(door.find(AlertQuery(detector="plain", version=bad))))
        door.close(first.alert_id, Verdict.FALSE_POSITIVE, labeller="bob", at=END)
        back = roll_back(app, plain, by="dana", at=END + HOUR, close=close)
        found = told(health_of(app, plain, now=END + 2 * HOUR), Kind.RECALL)
        (figures,) = found.values()
        recalled = len(back.choice.alerts)
        assert list(found) == [bad]
        assert recalled > 0
        assert figures == {
            "at": END + HOUR, "by": "dana", "restored": back.champion.version, "undone": 0,
            "alerts": back.choice.counts["raised"], "touched": 1, "recalled": recalled,
            "tagged": recalled, "closed": recalled if close else 0,
        }  # fmt: skip
        file = tmp_path / "plain.yml"
        file.write_text(text_of("plain"))
        said = " ".join(command("health", file, home, END + 2 * HOUR).split())
        assert f"dana rolled {bad} back to {back.champion.version}" in said
        assert f"{recalled} of {figures['alerts']} alerts taken back, {recalled} tagged" in said
        undo(app, plain, by="dana", at=END + 3 * HOUR)
        (figures,) = told(health_of(app, plain, now=END + 4 * HOUR), Kind.RECALL).values()
        assert (figures["undone"], figures["tagged"], figures["closed"]) == (1, 0, 0)
        assert told(health_of(app, plain, now=END + 32 * DAY), Kind.RECALL) == {}


def test_verdicts_in_quarantine_are_counted_and_raise_an_alert_until_somebody_decides(
    flooded: App,
) -> None:
    reconcile_health(flooded, at=NOW)
    harvest(flooded, LEARNS, now=NOW)
    found = monitor(flooded, LEARNS, now=NOW)
    labels = told(found, Kind.LABELS)[""]
    assert (labels["quarantined"], labels["quarantined_bulk"]) == (FLOOD, FLOOD)
    assert labels["quarantined_contradicting"] == 0
    assert status(found)["quarantined"] == 1
    assert f"{FLOOD} verdicts of eve are in quarantine" in str(status(found)["why"])
    assert "health.quarantined" in alerts_about(flooded)
    (held,) = in_quarantine(flooded, LEARNS, NOW)
    at = NOW + HOUR
    decide_on(flooded, LEARNS, held.case.case_id, "rejected", by="dana", reason="", at=at)
    after = health_of(flooded, LEARNS, now=NOW + 2 * HOUR)
    assert (told(after, Kind.LABELS)[""]["quarantined"], status(after)["quarantined"]) == (0, 0)


def bad_version(app: App, detector: Detector) -> str:
    """A version that raises alerts which the one before would not have raised."""
    wrong, sound = upside_down(app)
    versions = Versions(app.state)
    versions.retire(detector.name, sound, by="ann", at=TRAINED, reason="")
    reconcile(app, detector, at=TRAINED)
    assert score_live(app, detector, now=END) is not None
    return wrong


def command(name: str, file: Path, home: Path, at: datetime) -> str:
    done = CliRunner().invoke(
        command_line, [name, str(file), "--home", str(home), "--at", at.isoformat()]
    )
    assert done.exit_code in (0, 3), done.output
    as_json = CliRunner().invoke(
        command_line, [name, str(file), "--home", str(home), "--at", at.isoformat(), "--json"]
    )
    json.loads(as_json.stdout)
    return done.stdout


def test_scores_of_champion_and_shadow_are_told_of_on_the_events_that_both_scored(
    home: Path,
) -> None:
    detector = detectors_of()[0]
    with opened(Settings(home=home)) as app:
        score_live(app, detector, now=TRAINED + DAY)  # before there is a shadow
        alone = told(health_of(app, detector, now=TRAINED + DAY), Kind.SPREAD)
        assert list(alone) == [champion_of(app, detector).version]
        shadow = second_version(app, detector)
        Versions(app.state).shadow(detector.name, shadow, by="ann", at=TRAINED + DAY)
        score_live(app, detector, now=END)
        found = told(health_of(app, detector, now=END), Kind.SPREAD)
        champion = champion_of(app, detector).version
        assert {version: one["stage"] for version, one in found.items()} == {
            champion: "live", shadow: "shadow",
        }  # fmt: skip
        assert found[champion]["rows"] == found[shadow]["rows"]
        for one in found.values():
            assert 0 < one["median"] < one["p90"] < one["p99"] <= 1  # type: ignore[operator]  # shares
            assert "p999" not in one  # of so few rows


def test_of_fewer_scores_than_enough_no_spread_is_told(home: Path) -> None:
    detector = detectors_of()[0]
    with opened(Settings(home=home)) as app:
        score_live(app, detector, now=TRAINED + HOUR)
        assert told(health_of(app, detector, now=TRAINED + HOUR), Kind.SPREAD) == {}
