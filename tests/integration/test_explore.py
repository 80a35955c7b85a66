"""What only a shadow would show, shown out of a part of the budget, on the embedded SIEM."""

import shutil
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pyarrow.compute as pc
import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.errors import SiemError
from scoreback.health import Kind
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.judging import explore_sample
from scoreback.models.judging.explore_sample import Part
from scoreback.records import Alert, Verdict, explore_rule_name
from scoreback.service.app import App, opened
from scoreback.service.comparing.gate_job import run_gate
from scoreback.service.deploying.pausing import pause
from scoreback.service.deploying.plan_apply import removable
from scoreback.service.deploying.promotion import promote
from scoreback.service.deploying.reconcile import champions_rules, reconcile
from scoreback.service.monitoring.monitor import health_of
from scoreback.service.monitoring.promises import promises
from scoreback.service.scoring.champions import score_live, score_live_together
from scoreback.service.settings import Settings
from scoreback.service.state.explored import Candidate, candidates_since
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import read_training_data
from scoreback.times import micros
from tests.integration.alike import DAY, END, HOUR, START, TRAINED, events, stored, text_of, watched
from tests.integration.embedded import champion_of, siem_of
from tests.integration.test_gate_story import upside_down
from tests.integration.test_shadow import damage
from tests.integration.test_while_scoring import second_version

BUDGET = 8
# Each day keeps to its budget; what only a shadow would show is a quarter of it.
ALERTS = f"alerts: {{budget: {BUDGET}/day, throttle: 10m, burst: 0%}}"
VERDICTS = "labels: {verdicts: {join: event}, mature_after: 1d}"


def explored(share: str = "25%", **gate: str) -> Detector:
    """The detector *plain*, learning from verdicts alone."""
    text = text_of("plain").replace("alerts: {budget: 10/day, throttle: 10m}", ALERTS)
    before, _, after = text.partition("labels:")
    text = f"{before}{VERDICTS}\n{after.partition(chr(10))[2]}"
    more = "".join(f", {key}: {value}" for key, value in gate.items())
    return parse_detector(text + f"gate: {{shadow: 1d, explore: {share}{more}}}\n")


def run(app: App, detector: Detector, *moments: datetime) -> None:
    reconcile(app, detector, at=TRAINED)
    for now in moments:
        assert score_live(app, detector, now=now) is not None


def alerts_of(app: App) -> list[Alert]:
    return list(siem_of(app).alerts.find(AlertQuery(detector="plain")))


def candidates(app: App) -> Sequence[Candidate]:
    return candidates_since(app.state.database, "plain", START)


def live(app: App) -> list[str]:
    return [one.event_id for one in alerts_of(app) if not one.is_explored]


def test_a_part_of_the_budget_shows_what_only_the_shadow_would_show(home: Path) -> None:
    detector = explored()
    with opened(Settings(home=home)) as app:
        wrong, sound = upside_down(app)
        run(app, detector, END)
        found, drawn = alerts_of(app), candidates(app)
        shown = [one for one in found if one.is_explored]
        usual = [one for one in found if not one.is_explored]
        assert {one.rule for one in shown} == {explore_rule_name("plain")}
        assert {one.version for one in shown} == {sound}
        assert {one.version for one in usual} == {wrong}
        assert {one.severity for one in shown} == {one.severity for one in usual}
        assert {one.event_id: one.chance for one in shown} == {
            one.event_id: one.chance for one in drawn if one.shown
        }
        assert all(0 < one.chance < 1 for one in drawn)
        assert {one.chance for one in usual} == {1.0}
        assert all(one.reasons != "[]" for one in shown)
        seen = [one.event_id for one in found]
        assert len(seen) == len(set(seen))  # nothing is shown twice
        explored_a_day = Counter(one.event_time.date() for one in shown)
        assert sum(explored_a_day.values()) >= 3
        assert max(explored_a_day.values()) <= 2
        assert max(Counter(one.event_time.date() for one in found).values()) <= BUDGET
        table = stored(app)
        beside = table.filter(pc.equal(table["stage"], "explore"))
        assert sorted(beside["event_id"].to_pylist()) == sorted(one.event_id for one in shown)
        assert all(pc.greater_equal(beside["score"], beside["threshold"]).to_pylist())


def test_what_is_drawn_passes_no_entitys_cap_and_changes_no_alert_of_the_champion(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts = explored("50%").alerts.model_copy(update={"per_entity": 1.0})
    detector = explored("50%").model_copy(update={"alerts": alerts})
    with opened(Settings(home=home)) as app:
        upside_down(app)
    usual, drawn = list[set[tuple[str, float | None]]](), set[frozenset[str]]()
    after = 0
    for salt in ("explore", "other", "third"):
        monkeypatch.setattr(explore_sample, "_SALT", salt)
        copy = tmp_path / salt
        shutil.copytree(home, copy)
        with opened(Settings(home=copy)) as app:
            run(app, detector, END)
            found = sorted(alerts_of(app), key=lambda one: one.event_time)
        usual.append({(one.event_id, one.chance) for one in found if not one.is_explored})
        drawn.add(frozenset(one.event_id for one in found if one.is_explored))
        of_entity = dict[tuple[str | None, date], list[Alert]]()
        for one in found:
            of_entity.setdefault((one.entity, one.event_time.date()), []).append(one)
        for ones in of_entity.values():
            assert not any(one.is_explored for one in ones[1:])
            assert len(ones) <= 2
            after += len(ones) - 1
    assert len(drawn) == 3
    assert after  # the champion alerts of an entity that was explored before
    assert usual[0] == usual[1] == usual[2]
    assert {chance for _, chance in usual[0]} == {1.0}


@pytest.mark.usefixtures("small_steps")
def test_the_same_is_shown_however_the_days_are_cut_and_whatever_breaks_off(
    home: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut"
    with opened(Settings(home=home)) as app:
        upside_down(app)
    shutil.copytree(home, cut)
    detector = explored()
    with opened(Settings(home=home)) as app:
        run(app, detector, END)
        once, alerts = candidates(app), alerts_of(app)
    with watched(cut) as (app, siem):
        reconcile(app, detector, at=TRAINED)
        for hours in range(5, 80, 17):
            siem.refuses = {"plain"} if hours == 39 else set()  # scores of that run do not get out
            siem.unavailable_after = 1 if hours == 56 else None
            score_live_quietly(app, detector, min(TRAINED + hours * HOUR, END))
        siem.unavailable_after, siem.refuses = None, set()
        score_live_quietly(app, detector, END)
        score_live_quietly(app, detector, END)
    with opened(Settings(home=cut)) as app:
        assert candidates(app) == once
        key = [(one.alert_id, one.event_id, one.chance) for one in alerts]
        assert [(one.alert_id, one.event_id, one.chance) for one in alerts_of(app)] == key


def score_live_quietly(app: App, detector: Detector, now: datetime) -> None:
    (found,) = score_live_together(app, [detector], now=now)
    assert found.outcome.error is None or isinstance(found.outcome.error, SiemError)


@pytest.mark.parametrize("why", ["damaged", "turned off", "no shadow", "nothing compared"])
def test_the_champion_has_the_whole_budget_where_nothing_is_explored(
    home: Path, tmp_path: Path, why: str
) -> None:
    alone = tmp_path / "alone"
    with opened(Settings(home=home)) as app:
        _, sound = upside_down(app)
    shutil.copytree(home, alone)
    with opened(Settings(home=alone)) as app:
        Versions(app.state).retire("plain", sound, by="ann", at=TRAINED, reason="a test")
        run(app, explored(), END)
        usual = live(app)
    detector = explored("0%" if why == "turned off" else "25%")
    if why == "nothing compared":
        text = text_of("plain").replace("alerts: {budget: 10/day, throttle: 10m}", ALERTS)
        detector = parse_detector(text + "gate: {shadow: 0s}\n")
    with opened(Settings(home=home)) as app:
        if why == "damaged":
            damage(app.artifact_folder("plain", sound))
        elif why == "no shadow":
            Versions(app.state).retire("plain", sound, by="ann", at=TRAINED, reason="a test")
        run(app, detector, END)
        assert not candidates(app)
        assert live(app) == usual
        assert len(alerts_of(app)) == len(usual)


def test_a_shadow_that_ends_within_a_day_leaves_the_champion_what_is_left_of_it(
    home: Path,
) -> None:
    detector, noon = explored(), TRAINED + 2 * DAY + 14 * HOUR
    with opened(Settings(home=home)) as app:
        _, sound = upside_down(app)
        run(app, detector, noon)
        before = {one.event_id for one in candidates(app)}
        assert before
        Versions(app.state).retire("plain", sound, by="ann", at=noon, reason="no better")
        run(app, detector, END)
        assert {one.event_id for one in candidates(app)} == before
        days = Counter(one.event_time.date() for one in alerts_of(app))
        assert max(days.values()) <= BUDGET
        assert len(live(app)) > 2 * (BUDGET - 2)


def test_two_shadows_share_the_part_and_each_unit_is_shown_once(home: Path) -> None:
    detector = explored()
    with opened(Settings(home=home)) as app:
        _, sound = upside_down(app)
        other = second_shadow(app, sound)
        run(app, detector, END)
        drawn = candidates(app)
        assert {one.version for one in drawn} == {sound}  # alike: the older one is named
        assert {one.version for one in Versions(app.state).shadows("plain")} == {sound, other}
        found = alerts_of(app)
        assert max(Counter(one.event_time.date() for one in found).values()) <= BUDGET
        explored_alerts = [one.event_id for one in found if one.is_explored]
        assert len(explored_alerts) == len(set(explored_alerts)) == sum(o.shown for o in drawn)


def second_shadow(app: App, sound: str) -> str:
    """A copy of the sound version, that scores beside it."""
    versions = Versions(app.state)
    champion = champion_of(app, explored()).version
    versions.promote("plain", sound, by="ann", at=TRAINED)
    second = second_version(app, explored())
    versions.promote("plain", champion, by="ann", at=TRAINED)
    for one in (sound, second):
        versions.shadow("plain", one, by="ann", at=TRAINED)
    return second


def test_a_paused_detector_explores_nothing_and_its_rule_is_paused(home: Path) -> None:
    detector = explored()
    with opened(Settings(home=home)) as app:
        upside_down(app)
        reconcile(app, detector, at=TRAINED)
        pause(app, detector, by="ann", reason="quiet", at=TRAINED)
        run(app, detector, END)
        assert not candidates(app)
        assert not alerts_of(app)
        rule = siem_of(app).rules.current(explore_rule_name("plain"))
        assert rule is not None
        assert rule.paused


def test_the_rule_is_wanted_while_there_is_a_shadow_and_goes_with_the_others(home: Path) -> None:
    detector = explored()
    name = explore_rule_name("plain")
    with opened(Settings(home=home)) as app:
        assert name not in {rule.name for rule in champions_rules(app, detector)}
        _, sound = upside_down(app)
        assert name in {rule.name for rule in champions_rules(app, detector)}
        run(app, detector, TRAINED + HOUR)
        promote(app, detector, sound, by="ann", at=END)
        assert name not in {rule.name for rule in champions_rules(app, detector)}
        going = removable(app, ["plain"], everything=False, with_data=False)
        assert name in {one.name for one in going}


def test_explored_alerts_count_towards_the_budget_and_not_towards_a_versions_precision(
    home: Path,
) -> None:
    detector = explored()
    with opened(Settings(home=home)) as app:
        wrong, sound = upside_down(app)
        run(app, detector, END)
        found = alerts_of(app)
        shown = [one for one in found if one.is_explored]
        for one in shown:
            siem_of(app).alerts.close(one.alert_id, Verdict.TRUE_POSITIVE, labeller="a", at=END)
        later = END + 2 * DAY
        figures = {d.kind: d.figures for d in health_of(app, detector, now=END)}
        assert figures[Kind.ALERTS]["per_day"] == pytest.approx(len(found) / 3, abs=0.5)
        assert figures[Kind.PRECISION]["labelled"] == 0
        promote(app, detector, sound, by="ann", at=END)
        came = {one.version.version: one.came for one in promises(app, detector, now=later)}
        assert came[sound] == {}
        assert came[wrong]["labelled"] == 0


def judge(app: App, truth: dict[str, str], at: datetime) -> None:
    for one in alerts_of(app):
        if one.verdict is None:
            bad = truth[one.event_id] == "bad"
            verdict = Verdict.TRUE_POSITIVE if bad else Verdict.FALSE_POSITIVE
            siem_of(app).alerts.close(one.alert_id, verdict, labeller="ann", at=at)


@pytest.mark.parametrize("share", ["0%", "50%"])
def test_a_better_shadow_is_known_by_what_was_explored_and_not_without(
    home: Path, share: str
) -> None:
    """People judge what they are shown and nothing else labels an event."""
    detector = explored(share, min_verdicts="10")
    batch = events().batch
    truth = dict(
        zip(batch.column("event_id").to_pylist(), batch.column("outcome").to_pylist(), strict=True)
    )
    with opened(Settings(home=home)) as app:
        _, sound = upside_down(app)
        reconcile(app, detector, at=TRAINED)
        for day in range(1, 4):
            score_live(app, detector, now=TRAINED + day * DAY)
            judge(app, truth, TRAINED + day * DAY)
        (found,) = run_gate(app, detector, now=END, act=False)
        pair = found.body["against"]["champion"]
        really = run_gate(app, known_anyway(), now=END, act=False)[0].body["against"]["champion"]
        assert really["low"] > 0
        if share == "0%":
            assert pair["alone"] == 0
            assert found.outcome == "no_better"  # of what it alone shows nobody knows anything
        else:
            assert pair["alone"] >= 5
            assert found.outcome == "better"
            assert found.version == sound
            assert abs(pair["difference"] - really["difference"]) < 0.2


def known_anyway() -> Detector:
    """The same with labels of all events, as nobody has them."""
    text = text_of("plain").replace("alerts: {budget: 10/day, throttle: 10m}", ALERTS)
    return parse_detector(text + "gate: {shadow: 1d, min_verdicts: 10}\n")


def test_what_was_explored_teaches_the_next_version(home: Path) -> None:
    detector = explored("50%", min_verdicts="10")
    batch = events().batch
    truth = dict(
        zip(batch.column("event_id").to_pylist(), batch.column("outcome").to_pylist(), strict=True)
    )
    with opened(Settings(home=home)) as app:
        upside_down(app)
        run(app, detector, END)
        judge(app, truth, END)
        shown = [one for one in alerts_of(app) if one.is_explored]
        told = read_training_data(app, detector, END + 2 * DAY).labels
        chances = dict(
            zip(told["event_id"].to_pylist(), told["propensity"].to_pylist(), strict=True)
        )
        assert len(shown) > 5
        assert {one.event_id: one.chance for one in shown}.items() <= chances.items()


def test_parts_of_an_alert_a_day_are_drawn_for_the_days_of_the_team(home: Path) -> None:
    detector = explored("5%")  # 0.4 a day
    with opened(Settings(home=home)) as app:
        upside_down(app)
        run(app, detector, END)
        part = Part("plain", 0.4)
        for one in candidates(app):
            day = detector.alerts.day_starts.between(micros(one.counted_at), micros(one.counted_at))
            assert part.on(day[0]) or not one.shown
