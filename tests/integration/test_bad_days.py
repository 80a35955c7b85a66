"""Bad days of a team: late verdicts, another name, two at once, a rule that somebody edited."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pyarrow.compute as pc

from scoreback.connectors.doors import AlertQuery
from scoreback.deployment import Standing
from scoreback.errors import ScorebackError
from scoreback.health import HEALTH_RULES, Condition
from scoreback.models.detector.file import parse_detector
from scoreback.records import Verdict
from scoreback.service.app import opened
from scoreback.service.deploying.health_rules import health_rules, reconcile_health
from scoreback.service.deploying.plan_apply import Action, apply, plan
from scoreback.service.deploying.promotion import promote
from scoreback.service.labels.harvest import harvest
from scoreback.service.monitoring.promises import promises
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import train_detector
from tests.integration.alike import DAY, END, HOUR, TRAINED, detectors_of, stored, text_of
from tests.integration.embedded import champion_of, siem_of
from tests.integration.test_deploying import World, siem
from tests.integration.test_while_scoring import second_version

__all__ = ["siem"]  # a fixture

PLAIN = detectors_of()[0]
BY_VERDICTS = parse_detector(
    text_of("plain").replace("labels: {", "labels: {verdicts: {join: event}, ")
)


def test_verdicts_on_alerts_of_a_version_long_retired_are_learnt_from_and_count_as_its_own(
    home: Path,
) -> None:
    with opened(Settings(home=home)) as app:
        old = champion_of(app, PLAIN).version
        assert score_live(app, PLAIN, now=TRAINED + 2 * DAY) is not None
        for _ in range(2):
            promote(app, PLAIN, second_version(app, PLAIN), by="ann", at=TRAINED + 2 * DAY)
        assert score_live(app, PLAIN, now=END) is not None
        alerts = list(siem_of(app).alerts.find(AlertQuery(detector="plain", version=old)))
        assert len(alerts) > 5
        late = END + 9 * DAY
        for one in alerts:
            verdict = Verdict.TRUE_POSITIVE
            siem_of(app).alerts.close(one.alert_id, verdict, labeller="dana", at=late)
        now = late + HOUR
        harvest(app, BY_VERDICTS, now=now)
        labels = LabelLedger(app.state, app.connector.name).labels(
            "plain", since=TRAINED, as_of=now
        )
        assert set(labels["event_id"].to_pylist()) == {one.event_id for one in alerts}
        came = {one.version.version: dict(one.came) for one in promises(app, PLAIN, now=now)}
        assert came[old]["labelled"] == len(alerts)
        assert came[old]["precision"] == 1
        assert all(not one.get("labelled") for name, one in came.items() if name != old)


def test_a_detector_that_is_renamed_begins_anew_and_named_back_goes_on_where_it_was(
    home: Path,
) -> None:
    other = parse_detector(text_of("plain").replace("name: plain", "name: renamed"))
    with opened(Settings(home=home)) as app:
        assert score_live(app, PLAIN, now=TRAINED + DAY) is not None
        before, alerts = stored(app), list(siem_of(app).alerts.find())
        assert score_live(app, other, now=TRAINED + 2 * DAY) is None  # no version of that name
        version = train_detector(app, other, as_of=TRAINED, now=TRAINED + 2 * DAY).version
        assert version.version.startswith("v1-")
        promote(app, other, version.version, by="ann", at=TRAINED + 2 * DAY)
        assert score_live(app, other, now=END) is not None
        scores = stored(app)
        own = scores.filter(pc.equal(scores["detector"], "plain"))
        assert own.equals(before)
        theirs = scores.filter(pc.equal(scores["detector"], "renamed"))
        assert theirs.num_rows > before.num_rows
        raised = {one.detector for one in siem_of(app).alerts.find() if one not in alerts}
        assert raised == {"renamed"}
        assert score_live(app, PLAIN, now=END) is not None
        scores = stored(app)
        own = scores.filter(pc.equal(scores["detector"], "plain"))
        both = (sorted(one["event_id"].to_pylist()) for one in (own, theirs))
        assert len({*map(tuple, both)}) == 1
        assert pc.count_distinct(own["event_id"]).as_py() == own.num_rows


def test_of_two_people_who_approve_at_the_same_moment_one_wins(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        candidates = [second_version(app, PLAIN) for _ in range(2)]
        seen = champion_of(app, PLAIN)
    together = Barrier(2)

    def approve(number: int) -> str:
        with opened(Settings(home=home)) as own:
            together.wait(60)
            try:
                promote(
                    own, PLAIN, candidates[number], by=f"person {number}", at=END, instead_of=seen
                )
            except ScorebackError as error:
                return error.message
        return ""

    with ThreadPoolExecutor(2) as threads:
        said = list(threads.map(approve, range(2)))
    (winner,) = (number for number in range(2) if not said[number])
    assert f"person {winner} was quicker: {candidates[winner]}" in said[1 - winner]
    with opened(Settings(home=home)) as app:
        assert champion_of(app, PLAIN).version == candidates[winner]
        promoted = [one.actor for one in audit_log(app.state, "plain") if one.action == "promote"]
        assert promoted == [f"person {winner}", "test"]
        rule = siem_of(app).rules.current("plain")
        assert rule is not None
        assert rule.version == candidates[winner]
        statuses = [one.status for one in Versions(app.state).list("plain")]
        assert statuses.count("champion") == 1


def test_a_health_rule_that_somebody_edited_stays_as_it_is_until_it_is_taken_over(
    home: Path, siem: World
) -> None:
    edited = f"{HEALTH_RULES}{Condition.STALE}"
    with opened(Settings(home=home)) as app:
        reconcile_health(app, at=TRAINED)
        assert {f"apply {one.name}" for one in health_rules(app)} == set(siem.calls)
        siem.calls.clear()
        siem.there = {edited: Standing.EDITED}
        said: list[str] = []
        reconcile_health(app, at=END, warn=said.append)
        assert len(said) == 1
        assert edited in said[0]
        assert "edited by hand" in said[0]
        actions = {one.wanted.name: one.action for one in plan(app, [PLAIN]).items}
        assert actions[edited] is Action.EDITED
        assert set(actions.values()) == {Action.EDITED, Action.NOTHING}
        apply(app, [PLAIN], take_over=False, by="ann", at=END)
        assert not siem.calls
        apply(app, [PLAIN], take_over=True, by="ann", at=END)
        assert siem.calls == [f"apply {edited}"]
        (taken,) = (one for one in audit_log(app.state) if one.action == "take_over")
        assert (taken.actor, taken.detail["name"]) == ("ann", edited)
