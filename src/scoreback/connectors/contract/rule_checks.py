"""What the door to rules must keep: whose what is, and that a rule comes back as it was applied."""

from dataclasses import replace
from datetime import timedelta

from scoreback.connectors.contract.data import Subject, UsersHand, contract_rule, expect, rules
from scoreback.deployment import AlertRule, Standing
from scoreback.records import Severity


def check_a_rule_is_absent_until_it_is_applied_and_current_afterwards(subject: Subject) -> None:
    """Applying it again changes nothing."""
    wanted = contract_rule()
    expect(rules(subject).current(wanted.name) is None, "there is a rule before any was applied")
    _stands(subject, wanted, Standing.ABSENT)
    for _ in range(2):
        rules(subject).apply(wanted)
        found = rules(subject).standing(wanted)
        expect(found.standing == Standing.CURRENT, f"it is {found.standing} once it was applied")
        expect(not found.differences, f"it is current and differs: {found.differences}")
        expect(rules(subject).current(wanted.name) == wanted, "it came back otherwise")


def check_whatever_a_rule_says_comes_back(subject: Subject) -> None:
    """Each field, also of signs that a SIEM's own language has."""
    wanted = replace(
        contract_rule(), owner='soc "night" <a@b.example>', description="äöü $x$ `y` | z\\",
        notes="call | Ada", attack=("T1071.004", "T1048"), entity_field="source.ip",
        throttle=timedelta(minutes=90), per_entity=7, budget=12.5, severity=Severity.LOW,
        use_case="incident_response",
    )  # fmt: skip
    rules(subject).apply(wanted)
    found = rules(subject).current(wanted.name)
    expect(found == wanted, f"it came back as {found}")
    _stands(subject, wanted, Standing.CURRENT)


def check_another_version_or_budget_is_outdated_and_then_followed(subject: Subject) -> None:
    """What differs is told."""
    rules(subject).apply(contract_rule())
    for change in ({"version": "v2-bb"}, {"severity": Severity.CRITICAL}, {"paused": True}):
        wanted = replace(contract_rule(), **change)
        found = rules(subject).standing(wanted)
        expect(found.standing == Standing.OUTDATED, f"with {change} it is {found.standing}")
        expect(bool(found.differences), f"with {change} no difference is told")
        rules(subject).apply(wanted)
        _stands(subject, wanted, Standing.CURRENT)
        expect(rules(subject).current(wanted.name) == wanted, f"{change} did not come back")
        rules(subject).apply(contract_rule())


def check_a_rule_that_a_user_switched_off_stays_off(subject: Subject) -> None:
    """It is as wanted, and no apply switches it on."""
    hand = _hand(subject)
    if hand is None:
        return
    rules(subject).apply(contract_rule())
    expect(hand.is_on(contract_rule().name), "a new rule is switched off")
    hand.switch_off(contract_rule().name)
    _stands(subject, contract_rule(), Standing.CURRENT)
    for wanted in (contract_rule(), replace(contract_rule(), version="v2-bb")):
        rules(subject).apply(wanted)
        expect(not hand.is_on(wanted.name), "an apply switched it on")
        _stands(subject, wanted, Standing.CURRENT)


def check_a_rule_that_a_user_edited_is_told_from_an_outdated_one(subject: Subject) -> None:
    """`apply` writes over what is ours; who calls it has asked."""
    hand = _hand(subject)
    if hand is None or hand.edit is None:
        return
    rules(subject).apply(contract_rule())
    hand.edit(contract_rule().name)
    newer = replace(contract_rule(), version="v2-bb")
    _stands(subject, contract_rule(), Standing.EDITED)
    _stands(subject, newer, Standing.EDITED)
    rules(subject).apply(newer)
    _stands(subject, newer, Standing.CURRENT)


def check_a_rule_is_removed_once_and_for_all(subject: Subject) -> None:
    """Removing what is not there is no error, and another rule stays."""
    other = replace(contract_rule(), name="other", detector="other")
    rules(subject).remove("other")
    for wanted in (contract_rule(), other):
        rules(subject).apply(wanted)
    for _ in range(2):
        rules(subject).remove(contract_rule().name)
        _stands(subject, contract_rule(), Standing.ABSENT)
        expect(rules(subject).current(contract_rule().name) is None, "it is there still")
    _stands(subject, other, Standing.CURRENT)


def _stands(subject: Subject, wanted: AlertRule, how: Standing) -> None:
    found = rules(subject).standing(wanted)
    expect(found.standing == how, f"it is {found.standing}, not {how}: {found.differences}")


def _hand(subject: Subject) -> UsersHand | None:
    rules(subject)
    return subject.hand
