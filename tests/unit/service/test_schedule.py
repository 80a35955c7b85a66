"""When jobs are due: decided by a clock that is passed in, so nothing here waits."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from scoreback.models.detector import Detector
from scoreback.models.detector_file import parse_detector
from scoreback.service.schedule import (
    SPREAD,
    Schedule,
    SpreadCron,
    first_run,
    late_by,
    trigger_of,
)
from scoreback.service.state import RunKind

T = datetime(2100, 1, 3, 12, 2, tzinfo=UTC)  # a Sunday, and far from any clock
MINUTE = timedelta(minutes=1)

TEXT = """
name: {name}
events: {{local: {{stream: tiny}}}}
entity: host.name
labels: {{verdicts: {{join: event}}}}
features: [number: size]
alerts: {{budget: 5/day}}
schedule: {{score: "{score}", train: "0 3 * * 0"}}
"""


def detector(name: str = "one", score: str = "*/5 * * * *") -> Detector:
    return parse_detector(TEXT.format(name=name, score=score))


def never(_name: str, _kind: RunKind) -> None:
    """Nothing ever ran."""


@pytest.fixture
def ran() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def schedule(ran: list[tuple[str, str]]) -> Iterator[Schedule]:
    made = Schedule(lambda kind, name: ran.append((kind, name)), at_once=1)
    made.start()
    yield made
    made.stop()


def test_a_cron_line_fires_at_its_times_and_always_as_late() -> None:
    late = timedelta(seconds=7)
    trigger = SpreadCron("*/5 * * * *", late)
    first = trigger.get_next_fire_time(None, T)
    assert first == T + 3 * MINUTE + late
    assert trigger.get_next_fire_time(first, first) == first + 5 * MINUTE
    between = T - 2 * MINUTE + late / 2  # the line's own time is past, the late one is not
    assert trigger.get_next_fire_time(None, between) == T - 2 * MINUTE + late


def test_weekdays_are_those_of_cron() -> None:
    found = SpreadCron("0 3 * * 0", timedelta(0)).get_next_fire_time(None, T)
    assert found is not None
    assert found.strftime("%A %H:%M") == "Sunday 03:00"


def test_starts_are_spread_and_the_same_for_ever() -> None:
    late = [late_by(f"d{i}", "score") for i in range(200)]
    assert all(timedelta(0) <= found < SPREAD for found in late)
    assert len({found.seconds for found in late}) == SPREAD.seconds
    assert late_by("endpoint", "score") == timedelta(seconds=11, microseconds=958372)
    assert late_by("endpoint", "score") != late_by("endpoint", "train")


@pytest.mark.parametrize(
    ("kind", "last", "soon"),
    [
        ("score", None, True),  # it costs little, and there may be much to score
        ("train", None, False),  # it waits for its time
        ("score", T - MINUTE, False),
        ("score", T - 10 * MINUTE, True),
        ("train", T - timedelta(days=1), True),  # Sunday 03:00 has passed since
        ("train", T - timedelta(hours=1), False),
    ],
)
def test_what_was_missed_while_nobody_served_is_made_up_for(
    kind: RunKind, last: datetime | None, soon: bool
) -> None:
    trigger = trigger_of(detector(), kind)
    found = first_run(trigger, kind, "one", last, T)
    assert found is not None
    if soon:
        assert found == T + late_by("one", kind)
    else:
        assert found == trigger.get_next_fire_time(None, T)


def test_jobs_are_those_of_the_detectors_as_their_files_are_now(schedule: Schedule) -> None:
    schedule.follow([detector("one"), detector("two")], never, T)
    first = {name: schedule.due("score", name) for name in ("one", "two")}
    assert first == {name: T + late_by(name, "score") for name in ("one", "two")}
    asked: list[str] = []

    def last(name: str, _kind: RunKind) -> datetime:
        asked.append(name)
        return T - MINUTE

    schedule.follow([detector("one"), detector("three")], last, T)
    assert set(asked) == {"three"}  # what is known already keeps its time
    assert schedule.due("score", "one") == first["one"]
    assert schedule.due("score", "two") is None
    assert schedule.due("train", "two") is None
    assert schedule.due("score", "three") == T + 3 * MINUTE + late_by("three", "score")


def test_a_changed_schedule_counts_at_once(schedule: Schedule) -> None:
    schedule.follow([detector("one")], never, T)
    schedule.follow([detector("one", score="7 4 1 1 *")], never, T)
    due = schedule.due("score", "one")
    assert due is not None
    assert (due.month, due.day, due.hour, due.minute) == (1, 1, 4, 7)


def test_every_job_runs_one_at_a_time_once_however_late(schedule: Schedule) -> None:
    schedule.follow([detector("one")], never, T)
    jobs = schedule._scheduler.get_jobs()
    assert {job.id for job in jobs} == {"score:one", "train:one"}
    for job in jobs:
        assert (job.max_instances, job.coalesce, job.misfire_grace_time) == (1, True, None)
        assert job.executor == job.id.partition(":")[0]  # training never takes scoring's threads
