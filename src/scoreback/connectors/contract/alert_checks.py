"""Checks of the doors for rules, alerts and labels, where a connection has them."""

from dataclasses import replace
from datetime import timedelta

from scoreback.connectors.contract.data import (
    DAY,
    START,
    Subject,
    alerts,
    contract_rule,
    event_ids,
    expect,
    raise_alerts,
    raise_one_alert,
    rules,
    scores_of,
    seed_events,
    write,
)
from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.deployment import Standing
from scoreback.records import Severity, Stage, TimeWindow


def check_only_live_scores_that_are_to_alert_raise_alerts(subject: Subject) -> None:
    """A rule raises alerts from its version's live scores: once each, and up to its cap."""
    seed_events(subject, 20)
    rules(subject).apply(contract_rule())
    write(subject, scores_of(subject, range(8, 12)))
    write(subject, scores_of(subject, range(8, 12)))
    write(subject, scores_of(subject, range(12, 14), stage="shadow"))
    write(subject, scores_of(subject, range(14, 16), version="v9-other"))
    raise_alerts(subject)
    raise_alerts(subject)  # a second evaluation opens nothing twice
    found = list(alerts(subject).find(AlertQuery(detector="contract")))
    expect(
        [a.event_id for a in found] == event_ids([11, 10]),
        "the alerts are not the expected ones, or not in order",
    )
    expect(all(a.severity == Severity.HIGH for a in found), "severity is not the rule's")
    expect(not any(a.touched or a.tags for a in found), "a new alert counts as touched")
    expect(not list(alerts(subject).find(AlertQuery(detector="other"))), "another detector's")
    expect(not list(alerts(subject).find(AlertQuery(version="v9-other"))), "another version's")
    window = TimeWindow(since=found[1].event_time, until=START + DAY)
    later = alerts(subject).find(AlertQuery(window=window))
    expect([a.event_id for a in later] == event_ids([10]), "the window is not by event time")


def check_rules_of_audits_and_of_shadows_raise_alerts_of_their_stage_alone(
    subject: Subject,
) -> None:
    """Audits and shadows have rules of their own, whose alerts carry the audit's probability."""
    seed_events(subject, 20)
    audits = replace(
        contract_rule(), name="contract.audit", stage=Stage.AUDIT, severity=Severity.LOW
    )
    explored = replace(contract_rule(), name="contract.explore", stage=Stage.EXPLORE, version="")
    for rule in (contract_rule(), audits, explored):
        rules(subject).apply(rule)
    write(subject, scores_of(subject, range(10, 12)))
    write(subject, scores_of(subject, range(12, 14), stage=Stage.AUDIT.value))
    write(subject, scores_of(subject, range(14, 15), stage=Stage.EXPLORE.value, version="v2-bb"))
    write(subject, scores_of(subject, range(15, 16), stage=Stage.EXPLORE.value, version="v3-cc"))
    raise_alerts(subject)
    raise_alerts(subject)
    found = {a.event_id: a for a in alerts(subject).find(AlertQuery(detector="contract"))}
    by = ["contract"] * 2 + [audits.name] * 2 + [explored.name] * 2
    wanted = dict(zip(event_ids(range(10, 16)), by, strict=True))
    expect(
        {event: a.rule for event, a in found.items()} == wanted,
        "the alerts of a stage are not the expected ones",
    )
    chances = [found[event].chance for event in event_ids(range(10, 16))]
    expect(
        chances == [1.0, 1.0, 0.0625, 0.0625, 0.25, 0.25], f"the chances of alerts are {chances}"
    )
    expect(
        all((a.severity == Severity.LOW) == (a.rule == audits.name) for a in found.values()),
        "severity is not the rule's",
    )
    versions = [found[event].version for event in event_ids(range(14, 16))]
    expect(versions == ["v2-bb", "v3-cc"], f"alerts of shadows name the versions {versions}")
    for rule in (audits, explored):
        standing = rules(subject).standing(rule).standing
        expect(standing == Standing.CURRENT, f"the rule {rule.name} is {standing}")


def check_rules_read_scores_by_when_they_came(subject: Subject) -> None:
    """A rule reads a score that is sent long after it was made, and no score received earlier."""
    engine = subject.connector.rule_engine
    if engine is None:
        return
    seed_events(subject, 20)
    rules(subject).apply(contract_rule())
    write(subject, scores_of(subject, range(10, 12)))  # made a day before the current time
    subject.settle()
    now = subject.now()
    engine.evaluate(since=now + timedelta(minutes=1), at=now)
    subject.settle()
    expect(not list(alerts(subject).find()), "a rule read a score that was received earlier")
    engine.evaluate(since=now - LOOK_BACK, at=now)
    subject.settle()
    raised = list(alerts(subject).find())
    expect(len(raised) == 2, f"of 2 scores sent late, {len(raised)} raised an alert")
    expect(all(a.raised_at == now for a in raised), "an alert does not say when it was raised")


def check_a_paused_rule_raises_nothing(subject: Subject) -> None:
    """A paused rule raises nothing until it is applied without the pause; then it catches up."""
    seed_events(subject, 20)
    rules(subject).apply(replace(contract_rule(), paused=True))
    write(subject, scores_of(subject, range(10, 11)))
    raise_alerts(subject)
    expect(not list(alerts(subject).find()), "a paused rule raised an alert")
    rules(subject).apply(contract_rule())
    raise_alerts(subject)
    expect(len(list(alerts(subject).find())) == 1, "scores received during a short pause are lost")


def check_an_alert_is_tagged_once(subject: Subject) -> None:
    """A tag stays, is set once even if set twice, and ids of missing alerts are ignored."""
    alert_id = raise_one_alert(subject)
    counts = []
    for _ in range(2):
        counts.append(alerts(subject).tag([alert_id, "no-such-alert"], "withdrawn version"))
        subject.settle()
    expect(counts == [1, 0], f"tagging twice counts {counts}")
    found = list(alerts(subject).find())
    expect(found[0].tags == ("withdrawn version",), f"its tags are {found[0].tags}")
    expect(not found[0].touched, "Scoreback's tag counts as touched by an analyst")
    counts.clear()
    for _ in range(2):
        counts.append(alerts(subject).untag([alert_id, "no-such-alert"], "withdrawn version"))
        subject.settle()
    expect(counts == [1, 0], f"removing a tag twice counts {counts}")
    found = list(alerts(subject).find())
    expect(not found[0].tags, f"its tags are {found[0].tags} after they were removed")
    expect(not found[0].touched, "removing Scoreback's tag counts as touched by an analyst")


def check_rules_are_applied_and_removed_as_often_as_one_likes(subject: Subject) -> None:
    """apply, current and remove report the real state, and repeating them changes nothing."""
    door = rules(subject)
    expect(door.current("contract") is None, "a rule exists that nobody applied")
    absent = door.standing(contract_rule()).standing
    expect(absent == Standing.ABSENT, f"a rule that nobody applied is {absent}")
    for rule in (
        contract_rule(),
        contract_rule(),
        replace(contract_rule(), budget=7.0, attack=("T1071.004",)),
    ):
        door.apply(rule)
        subject.settle()
        expect(door.current("contract") == rule, "the current rule is not the one applied")
        found = door.standing(rule)
        expect(found.standing == Standing.CURRENT, f"the rule just applied is {found}")
    found = door.standing(contract_rule())
    expect(found.standing == Standing.OUTDATED, f"an earlier rule of Scoreback is {found}")
    expect(bool(found.differences), "an outdated rule does not say what differs")
    for _ in range(2):
        door.remove("contract")
        subject.settle()
        expect(door.current("contract") is None, "a removed rule still exists")


def check_what_the_connection_needs_is_applied_and_told(subject: Subject) -> None:
    """Every resource can be applied twice and then stands as wanted."""
    door = subject.connector.resources
    if door is None:
        return
    for resource in door.wanted():
        door.apply(resource)
        door.apply(resource)
        found = door.standing(resource)
        stands = found.standing in (Standing.CURRENT, Standing.AWAITED)
        expect(stands, f"{resource.kind} {resource.name} is {found}")


def check_a_connection_can_be_let_go_twice(subject: Subject) -> None:
    """close_connection can safely be called twice."""
    subject.connector.close_connection()
    subject.connector.close_connection()
