"""Checks of the rules door: what belongs to whom, and that rules are read back as applied."""

from dataclasses import replace
from datetime import timedelta

from scoreback.connectors.contract.data import Subject, UsersHand, contract_rule, expect, rules
from scoreback.deployment import AlertRule, Standing
from scoreback.records import Severity


def check_a_rule_is_absent_until_it_is_applied_and_current_afterwards(subject: Subject) -> None:
    """Applying a current rule again changes nothing."""
    wanted = contract_rule()
    expect(rules(subject).current(wanted.name) is None, "a rule exists before any was applied")
    _stands(subject, wanted, Standing.ABSENT)
    for _ in range(2):
        rules(subject).apply(wanted)
        found = rules(subject).standing(wanted)
        expect(found.standing == Standing.CURRENT, f"it is {found.standing} after it was applied")
        expect(not found.differences, f"it is current and differs: {found.differences}")
        expect(rules(subject).current(wanted.name) == wanted, "it was read back with other values")


def check_whatever_a_rule_says_comes_back(subject: Subject) -> None:
    """Every field is read back, also signs with a meaning in the SIEM's own language."""
    wanted = replace(
        contract_rule(), owner='soc "night" <a@b.example>', description="äöü $x$ `y` | z\\",
        notes="call | Ada", attack=("T1071.004", "T1048"), entity_field="source.ip",
        throttle=timedelta(minutes=90), per_entity=7, budget=12.5, severity=Severity.LOW,
        use_case="incident_response",
    )  # fmt: skip
    rules(subject).apply(wanted)
    found = rules(subject).current(wanted.name)
    expect(found == wanted, f"it was read back as {found}")
    _stands(subject, wanted, Standing.CURRENT)


def check_another_version_or_budget_is_outdated_and_then_followed(subject: Subject) -> None:
    """An outdated rule says what differs."""
    rules(subject).apply(contract_rule())
    for change in ({"version": "v2-bb"}, {"severity": Severity.CRITICAL}, {"paused": True}):
        wanted = replace(contract_rule(), **change)
        found = rules(subject).standing(wanted)
        expect(found.standing == Standing.OUTDATED, f"with {change} it is {found.standing}")
        expect(bool(found.differences), f"with {change} no difference is reported")
        rules(subject).apply(wanted)
        _stands(subject, wanted, Standing.CURRENT)
        expect(rules(subject).current(wanted.name) == wanted, f"{change} was not read back")
        rules(subject).apply(contract_rule())


def check_a_rule_that_a_user_switched_off_stays_off(subject: Subject) -> None:
    """A disabled rule counts as wanted, and no apply enables it."""
    hand = _hand(subject)
    if hand is None:
        return
    rules(subject).apply(contract_rule())
    expect(hand.is_on(contract_rule().name), "a new rule is disabled")
    hand.switch_off(contract_rule().name)
    _stands(subject, contract_rule(), Standing.CURRENT)
    for wanted in (contract_rule(), replace(contract_rule(), version="v2-bb")):
        rules(subject).apply(wanted)
        expect(not hand.is_on(wanted.name), "an apply enabled it")
        _stands(subject, wanted, Standing.CURRENT)


def check_a_rule_that_a_user_edited_is_told_from_an_outdated_one(subject: Subject) -> None:
    """`apply` overwrites Scoreback's part; the caller has asked the user."""
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
    """Removing a missing rule is no error, and other rules stay."""
    other = replace(contract_rule(), name="other", detector="other")
    rules(subject).remove("other")
    for wanted in (contract_rule(), other):
        rules(subject).apply(wanted)
    for _ in range(2):
        rules(subject).remove(contract_rule().name)
        _stands(subject, contract_rule(), Standing.ABSENT)
        expect(rules(subject).current(contract_rule().name) is None, "it still exists")
    _stands(subject, other, Standing.CURRENT)


def _stands(subject: Subject, wanted: AlertRule, how: Standing) -> None:
    found = rules(subject).standing(wanted)
    expect(found.standing == how, f"it is {found.standing}, not {how}: {found.differences}")


def _hand(subject: Subject) -> UsersHand | None:
    rules(subject)
    return subject.hand
