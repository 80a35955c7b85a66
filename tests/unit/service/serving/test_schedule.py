"""When jobs are due: decided by a clock that is passed in, so nothing here waits."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.service.serving.kinds import KINDS
from scoreback.service.serving.kinds.kind import MANY, ONE, Kind
from scoreback.service.serving.schedule import (
    SPREAD,
    Schedule,
    SpreadCron,
    first_run,
    late_by,
    trigger_of,
)

T = datetime(2100, 1, 3, 12, 2, tzinfo=UTC)  # a Sunday, and far from any clock
MINUTE = timedelta(minutes=1)

TEXT = """
name: {name}
events: {{local: {{stream: {stream}}}}}
entity: host.name
labels: {{verdicts: {{join: event}}}}
features: [number: size]
alerts: {{budget: 5/day}}
schedule: {{score: "{score}", train: "0 3 * * 0"}}
"""


def detector(name: str = "one", score: str = "*/5 * * * *", stream: str = "") -> Detector:
    """By default each has a stream of its own, and so a job of its own."""
    return parse_detector(TEXT.format(name=name, score=score, stream=stream or name))


def never(_name: str, _kind: Kind) -> None:
    """Nothing ever ran."""


@pytest.fixture
def ran() -> list[tuple[str, ...]]:
    return []


@pytest.fixture
def schedule(ran: list[tuple[str, ...]]) -> Iterator[Schedule]:
    made = Schedule(lambda *job: ran.append(job), at_once=1, siem="local")
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
    kind: str, last: datetime | None, soon: bool
) -> None:
    trigger = trigger_of(detector(), KINDS[kind])
    found = first_run(trigger, KINDS[kind], "one", last, T)
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

    def last(name: str, _kind: Kind) -> datetime:
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
    kinds = ("gate", "harvest", "monitor", "native", "prune", "score", "settings", "train")
    assert {job.id for job in jobs} == {f"{kind}:one" for kind in kinds}
    for job in jobs:
        assert (job.max_instances, job.coalesce, job.misfire_grace_time) == (1, True, None)
    # Training and comparing never take scoring's threads.
    executors = {job.id: job.executor for job in jobs}
    assert executors.pop("train:one") == ONE
    assert executors.pop("gate:one") == ONE
    assert set(executors.values()) == {MANY}


def test_detectors_that_select_the_same_and_are_due_at_the_same_times_share_a_job(
    schedule: Schedule,
) -> None:
    schedule.follow(
        [
            detector("two", stream="same"),
            detector("one", stream="same"),
            detector("three", stream="other"),
            detector("four", score="*/7 * * * *", stream="same"),
        ],
        never,
        T,
    )
    jobs = {job.id: (*job.args, job.name) for job in schedule._scheduler.get_jobs()}
    assert jobs["score:one"] == ("score", "one", "two", "score:one, two")
    assert jobs["score:three"][:2] == ("score", "three")
    assert jobs["score:four"][:2] == ("score", "four")
    assert {job for job in jobs if job.startswith("train:")} == {  # each on its own
        "train:one", "train:two", "train:three", "train:four",
    }  # fmt: skip
    assert schedule.due("score", "two") == schedule.due("score", "one")


def test_a_detector_of_another_siem_only_shares_no_job(schedule: Schedule) -> None:
    there = parse_detector(
        TEXT.format(name="x", score="* * * * *", stream="s").replace("local:", "elastic:")
        .replace("{stream: s}", "{index: logs-*}")
    )  # fmt: skip
    other = there.model_copy(update={"name": "y"})
    schedule.follow([there, other], never, T)
    assert {job.id for job in schedule._scheduler.get_jobs()} >= {"score:x", "score:y"}


def test_a_detector_that_joins_a_job_that_ran_makes_it_run_soon_and_one_that_leaves_does_not(
    schedule: Schedule,
) -> None:
    one, two = detector("one", stream="same"), detector("two", stream="same")
    schedule.follow([one], lambda _name, _kind: T - MINUTE, T)
    regular = T + 3 * MINUTE + late_by("one", "score")
    assert schedule.due("score", "one") == regular
    schedule.follow([one, two], lambda _name, _kind: None, T)
    assert schedule.due("score", "two") == T + late_by("one", "score")
    schedule.follow([one], never, T)
    (job,) = (job for job in schedule._scheduler.get_jobs() if job.id.startswith("score"))
    assert job.args == ("score", "one")
    assert schedule.due("score", "two") is None


def test_a_new_selection_moves_a_detector_to_another_job(schedule: Schedule) -> None:
    schedule.follow([detector("one", stream="a"), detector("two", stream="a")], never, T)
    schedule.follow([detector("one", stream="a"), detector("two", stream="b")], never, T)
    jobs = {job.id: job.args for job in schedule._scheduler.get_jobs()}
    assert jobs["score:one"] == ("score", "one")
    assert jobs["score:two"] == ("score", "two")


def test_a_detector_can_be_scored_once_by_itself_beside_the_job_that_it_shares() -> None:
    ran, done = list[tuple[str, ...]](), threading.Event()

    def run(*job: str) -> None:
        ran.append(job)
        done.set()

    schedule = Schedule(run, at_once=1, siem="local")
    schedule.start()
    try:
        schedule.follow([detector("one", stream="a"), detector("two", stream="a")], never, T)
        schedule.soon("score", "two")
        assert done.wait(60)
        assert schedule.due("score", "two") == T + late_by("one", "score")
    finally:
        schedule.stop()
    assert ran == [("score", "two")]
