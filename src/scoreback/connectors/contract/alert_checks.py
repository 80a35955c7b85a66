"""What is asked of the doors to rules, alerts and labels, where a connection has them."""

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
    """A rule raises alerts from live scores of its version, once, under its cap."""
    seed_events(subject, 20)
    rules(subject).apply(contract_rule())
    write(subject, scores_of(subject, range(8, 12)))
    write(subject, scores_of(subject, range(8, 12)))
    write(subject, scores_of(subject, range(12, 14), stage="shadow"))
    write(subject, scores_of(subject, range(14, 16), version="v9-other"))
    raise_alerts(subject)
    raise_alerts(subject)  # looking again opens nothing twice
    found = list(alerts(subject).find(AlertQuery(detector="contract")))
    expect(
        [a.event_id for a in found] == event_ids([11, 10]), "not the alerts, or not in their order"
    )
    expect(all(a.severity == Severity.HIGH for a in found), "severity is not the rule's")
    expect(not any(a.touched or a.tags for a in found), "a new alert says that it was touched")
    expect(not list(alerts(subject).find(AlertQuery(detector="other"))), "another detector's")
    expect(not list(alerts(subject).find(AlertQuery(version="v9-other"))), "another version's")
    window = TimeWindow(since=found[1].event_time, until=START + DAY)
    later = alerts(subject).find(AlertQuery(window=window))
    expect([a.event_id for a in later] == event_ids([10]), "the window is not on the events' time")


def check_rules_of_audits_and_of_shadows_raise_alerts_of_their_stage_alone(
    subject: Subject,
) -> None:
    """A sample of what was not to alert is shown by a rule of its own, with its chance."""
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
    expect({event: a.rule for event, a in found.items()} == wanted, "not the alerts of each stage")
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
    """A score that is sent long after it was made is looked at; what came earlier is not again."""
    engine = subject.connector.rule_engine
    if engine is None:
        return
    seed_events(subject, 20)
    rules(subject).apply(contract_rule())
    write(subject, scores_of(subject, range(10, 12)))  # made a day before the clock says now
    subject.settle()
    now = subject.now()
    engine.evaluate(since=now + timedelta(minutes=1), at=now)
    subject.settle()
    expect(not list(alerts(subject).find()), "a score was looked at that came before")
    engine.evaluate(since=now - LOOK_BACK, at=now)
    subject.settle()
    raised = list(alerts(subject).find())
    expect(len(raised) == 2, f"of 2 scores that were sent late, {len(raised)} raised an alert")
    expect(all(a.raised_at == now for a in raised), "an alert does not say when it was raised")


def check_a_paused_rule_raises_nothing(subject: Subject) -> None:
    """Until it is applied without the pause; then what came lately is looked at."""
    seed_events(subject, 20)
    rules(subject).apply(replace(contract_rule(), paused=True))
    write(subject, scores_of(subject, range(10, 11)))
    raise_alerts(subject)
    expect(not list(alerts(subject).find()), "a paused rule raised an alert")
    rules(subject).apply(contract_rule())
    raise_alerts(subject)
    expect(len(list(alerts(subject).find())) == 1, "what came during a short pause is lost")


def check_an_alert_is_tagged_once(subject: Subject) -> None:
    """Tags stay, twice is once, and ids that are gone are left out."""
    alert_id = raise_one_alert(subject)
    counts = []
    for _ in range(2):
        counts.append(alerts(subject).tag([alert_id, "no-such-alert"], "withdrawn version"))
        subject.settle()
    expect(counts == [1, 0], f"tagging twice counts {counts}")
    found = list(alerts(subject).find())
    expect(found[0].tags == ("withdrawn version",), f"its tags are {found[0].tags}")
    expect(not found[0].touched, "our own tag counts as an analyst's touch")
    counts.clear()
    for _ in range(2):
        counts.append(alerts(subject).untag([alert_id, "no-such-alert"], "withdrawn version"))
        subject.settle()
    expect(counts == [1, 0], f"taking a tag off twice counts {counts}")
    found = list(alerts(subject).find())
    expect(not found[0].tags, f"its tags are {found[0].tags} after they were taken off")
    expect(not found[0].touched, "taking our own tag off counts as an analyst's touch")


def check_rules_are_applied_and_removed_as_often_as_one_likes(subject: Subject) -> None:
    """apply, current and remove tell the truth, and twice is once."""
    door = rules(subject)
    expect(door.current("contract") is None, "a rule is there that nobody applied")
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
    expect(found.standing == Standing.OUTDATED, f"an earlier rule of ours is {found}")
    expect(bool(found.differences), "an outdated rule does not say what differs")
    for _ in range(2):
        door.remove("contract")
        subject.settle()
        expect(door.current("contract") is None, "a removed rule is still there")


def check_what_the_connection_needs_is_applied_and_told(subject: Subject) -> None:
    """Every resource can be applied again and then stands as wanted."""
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
    """close_connection is safe to call again."""
    subject.connector.close_connection()
    subject.connector.close_connection()
