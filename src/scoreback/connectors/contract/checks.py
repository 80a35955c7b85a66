"""The contract of connectors as checks that anyone can run on their own.

Give each check of `CHECKS` a fresh `Subject`, for example by parametrising a pytest function over
them. A check raises `AssertionError` with a sentence about what the connector does wrong.
"""

import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from scoreback.connectors.contract.data import (
    CLOCKS,
    DAY,
    START,
    Subject,
    arrival_of,
    contract_rule,
    event_ids,
    expect,
    expect_refused,
    query_of,
    read_all,
    scores_of,
    seed_events,
    unit_score_of,
)
from scoreback.connectors.contract.label_checks import LABEL_CHECKS
from scoreback.deployment import Standing
from scoreback.records import Enrichment, Histogram, Severity, TimeWindow


def check_events_come_once_in_order_and_in_bounded_batches(subject: Subject) -> None:
    """A read is ordered by clock and id, and its batches hold what was asked for."""
    seed_events(subject, 300)
    for clock in CLOCKS:
        window = TimeWindow(since=START - DAY, until=START + DAY, clock=clock)
        found = read_all(subject, subject.connector.slices(query_of(subject), window))
        keys = list(zip(found[f"{clock}_time"], found["event_id"], strict=True))
        expect(keys == sorted(keys), f"events are not in order of ({clock} time, event_id)")
        expect(len(set(found["event_id"])) == 300, "not every event comes exactly once")
        late = [t > a for t, a in zip(found["event_time"], found["arrival_time"], strict=True)]
        expect(not any(late), "an event happened after it arrived")


def check_a_field_that_an_event_lacks_is_null(subject: Subject) -> None:
    """Fields come as asked for, in that order; an absent value is null."""
    seed_events(subject, 12)
    window = TimeWindow(since=START, until=START + DAY)
    query = replace(query_of(subject), fields=("rule.id", "source.ip"))
    found = read_all(subject, subject.connector.slices(query, window))
    rules = dict(zip(found["event_id"], found["rule.id"], strict=True))
    known = subject.connector.fields(query.selection)
    expect(known == tuple(sorted(known)), "fields are not sorted")
    expect("rule.id" in known, f"the fields of the selection are {known}, without rule.id")
    expect(rules["e00000"] is None, "an absent field is not null")
    expect(rules["e00001"] == "r1", f"a field reads {rules['e00001']!r} instead of 'r1'")


def check_a_window_is_half_open(subject: Subject) -> None:
    """The first microsecond of a window is in, its last bound is out."""
    seed_events(subject, 50)
    window = TimeWindow(since=arrival_of(10), until=arrival_of(20))
    found = read_all(subject, subject.connector.slices(query_of(subject), window))
    expect(sorted(found["event_id"]) == event_ids(range(10, 20)), "a window is not [since, until)")


def check_slices_together_give_each_event_once(subject: Subject) -> None:
    """However a window is cut, its parts survive pickling and give each event once, in order."""
    seed_events(subject, 211)
    window = TimeWindow(since=START, until=START + DAY)
    whole = read_all(subject, subject.connector.slices(query_of(subject), window))
    for parts in (1, 2, 7):
        slices = subject.connector.slices(query_of(subject), window, parts)
        expect(len(slices) == parts, f"asked for {parts} slices, got {len(slices)}")
        expect(
            [(s.part, s.parts) for s in slices] == [(i, parts) for i in range(parts)],
            "slices are not numbered in order",
        )
        carried = pickle.loads(pickle.dumps(slices))  # noqa: S301 - our own bytes
        found = read_all(subject, carried)
        expect(found["event_id"] == whole["event_id"], f"{parts} slices give other events than 1")


def check_an_empty_window_gives_nothing(subject: Subject) -> None:
    """A window without events is no error."""
    seed_events(subject, 5)
    empty = TimeWindow(since=START - timedelta(days=2), until=START - timedelta(days=1))
    found = read_all(subject, subject.connector.slices(query_of(subject), empty, 3))
    expect(not found["event_id"], "an empty window gives events")


def check_what_does_not_exist_is_refused(subject: Subject) -> None:
    """An unknown selection, and a field that no event has, are refused with a hint."""
    seed_events(subject, 5)
    window = TimeWindow(since=START, until=START + DAY)
    unknown = replace(query_of(subject), selection=subject.unknown_selection)
    expect_refused(lambda: read_all(subject, subject.connector.slices(unknown, window)))
    typo = replace(query_of(subject), fields=("source.ipp",))
    error = expect_refused(lambda: read_all(subject, subject.connector.slices(typo, window)))
    expect("source.ipp" in error.message, "the refusal does not name the field")
    expect(bool(error.hint), "the refusal does not say what to do")


def check_writing_a_score_twice_changes_nothing(subject: Subject) -> None:
    """Scores are stored once, however often they are written, and can be asked for by id."""
    seed_events(subject, 20)
    first, overlapping = scores_of(subject, range(10)), scores_of(subject, range(5, 15))
    report = subject.connector.write(first)
    expect((report.written, report.already_there) == (10, 0), f"a first write gives {report}")
    report = subject.connector.write(overlapping)
    expect((report.written, report.already_there) == (5, 5), f"an overlap gives {report}")
    ids = [*first.batch.column("score_id").to_pylist(), "no such score"]
    subject.settle()
    expect(subject.connector.existing(ids) == set(ids[:-1]), "existing() does not tell them apart")


def check_a_score_of_a_unit_of_events_is_stored_like_any_other(subject: Subject) -> None:
    """Its id is that of no event and its ref names several; it is stored once all the same."""
    seed_events(subject, 5)
    unit = unit_score_of(subject, range(3))
    reports = [subject.connector.write(unit) for _ in range(2)]
    subject.settle()
    for report, expected in zip(reports, ((1, 0), (0, 1)), strict=True):
        expect((report.written, report.already_there) == expected, f"a write gives {report}")
    expect(subject.connector.existing(["contract-unit-score"]) != set(), "it is not there")


def check_only_live_scores_over_the_threshold_raise_alerts(subject: Subject) -> None:
    """A rule raises alerts from live scores of its version, once, under its cap."""
    seed_events(subject, 20)
    subject.connector.apply(contract_rule())
    subject.connector.write(scores_of(subject, range(8, 12)))
    subject.connector.write(scores_of(subject, range(8, 12)))
    subject.connector.write(scores_of(subject, range(12, 14), stage="shadow"))
    subject.connector.write(scores_of(subject, range(14, 16), version="v9-other"))
    subject.settle()
    alerts = subject.connector.alerts(detector="contract")
    expect(
        [a.event_id for a in alerts] == event_ids([11, 10]), "not the alerts, or not in their order"
    )
    expect(all(a.severity == Severity.HIGH for a in alerts), "severity is not the rule's")
    expect(not subject.connector.alerts(detector="other"), "alerts of another detector are listed")
    expect(len(subject.connector.alerts(limit=1)) == 1, "limit is not kept")
    later = subject.connector.alerts(since=alerts[1].event_time)
    expect([a.event_id for a in later] == event_ids([10]), "since is not on the events' clock")


def check_rules_are_applied_and_removed_as_often_as_one_likes(subject: Subject) -> None:
    """apply, current and remove tell the truth, and twice is once."""
    door = subject.connector
    expect(door.current("contract") is None, "a rule is there that nobody applied")
    absent = door.standing(contract_rule()).standing
    expect(absent == Standing.ABSENT, f"a rule that nobody applied is {absent}")
    for rule in (
        contract_rule(),
        contract_rule(),
        replace(contract_rule(), threshold=0.7, attack=("T1071.004",)),
    ):
        door.apply(rule)
        expect(door.current("contract") == rule, "the current rule is not the one applied")
        found = door.standing(rule)
        expect(found.standing == Standing.CURRENT, f"the rule just applied is {found}")
    found = door.standing(contract_rule())
    expect(found.standing == Standing.OUTDATED, f"an earlier rule of ours is {found}")
    expect(bool(found.differences), "an outdated rule does not say what differs")
    alerts = len(door.alerts())
    for _ in range(2):
        door.remove("contract")
        expect(door.current("contract") is None, "a removed rule is still there")
    expect(len(door.alerts()) == alerts, "removing a rule changed alerts")


def check_what_the_connection_needs_is_applied_and_told(subject: Subject) -> None:
    """Every resource can be applied again and then stands as wanted."""
    for resource in subject.connector.resources():
        subject.connector.apply(resource)
        subject.connector.apply(resource)
        found = subject.connector.standing(resource)
        expect(found.standing == Standing.CURRENT, f"{resource.kind} {resource.name} is {found}")


def check_enriching_twice_changes_nothing(subject: Subject) -> None:
    """Each enrichment that the connector names takes scores, and takes them again."""
    seed_events(subject, 20)
    for how in Enrichment:
        if how in subject.connector.capabilities.enrichments:
            scores = scores_of(subject, range(5, 12))
            report = subject.connector.enrich(scores, how)
            expect((report.written, report.refused) == (7, ()), f"{how} gives {report}")
            subject.settle()
            report = subject.connector.enrich(scores_of(subject, range(5, 12)), how)
            expect(not report.refused, f"{how} a second time gives {report}")
        elif how != Enrichment.NONE:
            none = scores_of(subject, range(1))
            expect_refused(lambda: subject.connector.enrich(none, how))  # noqa: B023 - at once


def check_a_histogram_can_be_written_again(subject: Subject) -> None:
    """The same histogram twice is no error."""
    histogram = Histogram(
        histogram_id="contract-h1",
        detector="contract",
        version="v1-aa",
        stage="live",
        since=START,
        until=START + timedelta(hours=1),
        counts={START.isoformat(): [1] * 20},
    )
    subject.connector.write_histogram(histogram)
    subject.connector.write_histogram(histogram)


def check_a_connection_can_be_let_go_twice(subject: Subject) -> None:
    """close_connection is safe to call again."""
    subject.connector.close_connection()
    subject.connector.close_connection()


CHECKS: tuple[Callable[[Subject], None], ...] = (
    check_events_come_once_in_order_and_in_bounded_batches,
    check_a_field_that_an_event_lacks_is_null,
    check_a_window_is_half_open,
    check_slices_together_give_each_event_once,
    check_an_empty_window_gives_nothing,
    check_what_does_not_exist_is_refused,
    check_writing_a_score_twice_changes_nothing,
    check_a_score_of_a_unit_of_events_is_stored_like_any_other,
    check_only_live_scores_over_the_threshold_raise_alerts,
    *LABEL_CHECKS,
    check_rules_are_applied_and_removed_as_often_as_one_likes,
    check_what_the_connection_needs_is_applied_and_told,
    check_enriching_twice_changes_nothing,
    check_a_histogram_can_be_written_again,
    check_a_connection_can_be_let_go_twice,
)
