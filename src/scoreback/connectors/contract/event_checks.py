"""Checks of the events door."""

import pickle
from dataclasses import replace
from datetime import timedelta

from scoreback.connectors.contract.data import (
    DAY,
    START,
    Subject,
    arrival_of,
    event_ids,
    expect,
    expect_refused,
    query_of,
    read_all,
    seed_events,
)
from scoreback.errors import SiemRefused
from scoreback.records import TimeWindow


def check_events_come_once_in_order_and_in_bounded_batches(subject: Subject) -> None:
    """A read is ordered by arrival and id, and its batches have the requested size and fields."""
    seed_events(subject, 300)
    window = TimeWindow(since=START - DAY, until=START + DAY)
    found = read_all(subject, subject.connector.events.slices(query_of(subject), window))
    keys = list(zip(found["arrival_time"], found["event_id"], strict=True))
    expect(keys == sorted(keys), "events are not in order of (arrival time, event_id)")
    expect(len(keys) == len(set(found["event_id"])) == 300, "not every event comes exactly once")
    late = [t > a for t, a in zip(found["event_time"], found["arrival_time"], strict=True)]
    expect(not any(late), "an event happened after it arrived")


def check_a_field_that_an_event_lacks_is_null(subject: Subject) -> None:
    """Fields come as requested and in that order; a missing value is null."""
    seed_events(subject, 12)
    window = TimeWindow(since=START, until=START + DAY)
    query = replace(query_of(subject), fields=("rule.id", "source.ip"))
    found = read_all(subject, subject.connector.events.slices(query, window))
    rules = dict(zip(found["event_id"], found["rule.id"], strict=True))
    known = subject.connector.events.fields(query.selection)
    expect(known == tuple(sorted(known)), "fields are not sorted")
    expect("rule.id" in known, f"the fields of the selection are {known}, without rule.id")
    expect(rules["e00000"] is None, "a missing field is not null")
    expect(rules["e00001"] == "r1", f"a field reads {rules['e00001']!r} instead of 'r1'")


def check_a_window_is_half_open(subject: Subject) -> None:
    """A window includes its first microsecond and excludes its upper bound."""
    seed_events(subject, 50)
    window = TimeWindow(since=arrival_of(10), until=arrival_of(20))
    found = read_all(subject, subject.connector.events.slices(query_of(subject), window))
    expect(sorted(found["event_id"]) == event_ids(range(10, 20)), "a window is not [since, until)")


def check_slices_together_give_each_event_once(subject: Subject) -> None:
    """However a window is cut, its slices can be pickled and give each event once, in order."""
    seed_events(subject, 211)
    window = TimeWindow(since=START, until=START + DAY)
    whole = read_all(subject, subject.connector.events.slices(query_of(subject), window))
    for parts in (1, 2, 7):
        slices = subject.connector.events.slices(query_of(subject), window, parts)
        expect(len(slices) == parts, f"asked for {parts} slices, got {len(slices)}")
        expect(
            [(s.part, s.parts) for s in slices] == [(i, parts) for i in range(parts)],
            "slices are not numbered in order",
        )
        carried = pickle.loads(pickle.dumps(slices))  # noqa: S301 - our own bytes
        found = read_all(subject, carried)
        expect(
            found["event_id"] == whole["event_id"],
            f"{parts} slices give other events than one slice",
        )


def check_an_empty_window_gives_nothing(subject: Subject) -> None:
    """A window without events is not an error."""
    seed_events(subject, 5)
    empty = TimeWindow(since=START - timedelta(days=2), until=START - timedelta(days=1))
    found = read_all(subject, subject.connector.events.slices(query_of(subject), empty, 3))
    expect(not found["event_id"], "an empty window gives events")


def check_a_field_that_no_event_has_is_null_and_found_missing(subject: Subject) -> None:
    """Reading gives nulls for a field that no event has, and `check` reports it."""
    seed_events(subject, 5)
    window = TimeWindow(since=START, until=START + DAY)
    typo = replace(query_of(subject), fields=("source.ipp",))
    rows = 0
    for piece in subject.connector.events.slices(typo, window):
        for batch in subject.connector.events.read(piece):
            column = batch.batch.column("source.ipp")
            expect(column.null_count == len(column), "a field that no event has holds values")
            rows += batch.num_rows
    expect(rows == 5, f"asking for a field that no event has gives {rows} of 5 events")
    found = subject.connector.check(typo)
    expect(
        any("source.ipp" in one.what and one.fix for one in found),
        "check does not report the field that no event has, with a fix",
    )


def check_what_does_not_exist_gives_nothing_and_is_found_missing(subject: Subject) -> None:
    """An unknown selection is refused or gives no events, and `check` reports it."""
    seed_events(subject, 5)
    window = TimeWindow(since=START, until=START + DAY)
    unknown = replace(query_of(subject), selection=subject.unknown_selection)
    try:
        found = read_all(subject, subject.connector.events.slices(unknown, window))
        expect(not found["event_id"], "an unknown selection gives events")
    except SiemRefused as error:
        expect(bool(error.hint), "the refusal does not say what to do")
    expect(
        bool(subject.connector.check(unknown)), "check reports nothing about an unknown selection"
    )


def check_a_selection_in_other_words_is_refused(subject: Subject) -> None:
    """A selection in another SIEM's words is refused at once with a hint; the SIEM's own pass."""
    door = subject.connector.events
    door.refuse_selection(subject.selection)
    door.refuse_selection(subject.unknown_selection)
    foreign = {"no such key of any SIEM": "x"}
    error = expect_refused(lambda: door.refuse_selection(foreign))
    expect(bool(error.hint), "the refusal does not say how to write a selection")
