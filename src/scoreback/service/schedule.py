"""When each job of each detector is due.

Jobs are made in code and kept in memory: what was missed while nobody served is found from the
list of runs. One job of a kind runs at a time for a detector; what came due meanwhile runs once.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from scoreback.models.cron import apscheduler_line
from scoreback.models.detector import Detector
from scoreback.service.state import RunKind

SPREAD = timedelta(seconds=20)  # within it starts are spread: most schedules say "*/5"
KINDS: tuple[RunKind, ...] = ("score", "train")

JobKind = Literal["score", "train", "check"]

_log = logging.getLogger(__name__)


class Trigger(Protocol):
    """Says when a job is due: APScheduler's own way of asking."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The first time after *previous* that is not before *now*; without it, from *now* on."""
        ...


class SpreadCron(BaseTrigger):  # type: ignore[misc]  # untyped in APScheduler
    """A cron line in UTC, some seconds late: always as many for one job of one detector."""

    def __init__(self, line: str, late: timedelta) -> None:
        """Fire *late* after each time that *line* names."""
        self._cron = CronTrigger.from_crontab(apscheduler_line(line), timezone=UTC)
        self._late = late

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The first time after *previous* that is not before *now*."""
        before = None if previous is None else previous - self._late
        found = self._cron.get_next_fire_time(before, now - self._late)
        return None if found is None else found + self._late


def late_by(detector: str, kind: str) -> timedelta:
    """How long after its time a job starts: the same for ever, and another for other detectors."""
    digest = hashlib.sha256(f"{kind}/{detector}".encode()).digest()
    return SPREAD * int.from_bytes(digest[:4], "big") / 2**32


def trigger_of(detector: Detector, kind: RunKind) -> Trigger:
    """When that job of *detector* is due."""
    return SpreadCron(getattr(detector.schedule, kind), late_by(detector.name, kind))


def first_run(
    trigger: Trigger, kind: RunKind, name: str, last: datetime | None, now: datetime
) -> datetime | None:
    """When a job that is new here runs first, given when it *last* ran anywhere.

    What came due since then is made up for soon. Scoring that never ran starts soon, too: it costs
    little and there may be much to score; training waits for its time.
    """
    if last is None:
        missed = kind == "score"
    else:
        due = trigger.get_next_fire_time(last, last)
        missed = due is not None and due <= now
    return now + late_by(name, kind) if missed else trigger.get_next_fire_time(None, now)


class Schedule:
    """Runs the jobs of detectors in threads, each when it is due.

    Training has a thread of its own, so that it never keeps scoring from starting.
    """

    def __init__(
        self,
        run: Callable[[JobKind, str], None],
        *,
        at_once: int,
        trigger: Callable[[Detector, RunKind], Trigger] = trigger_of,
    ) -> None:
        """Call *run* with a kind of job and a detector's name; *at_once* detectors are scored."""
        self._run, self._trigger = run, trigger
        self._schedules: dict[str, str] = {}  # by job
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"score": ThreadPoolExecutor(at_once), "train": ThreadPoolExecutor(1)},
            # However late a run starts, it starts once: its events have waited for it.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(_left_out, EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Jobs run from now on."""
        self._scheduler.start()

    def stop(self) -> None:
        """No job starts any more; those that run go on."""
        self._scheduler.shutdown(wait=False)

    def follow(
        self,
        detectors: Iterable[Detector],
        last: Callable[[str, RunKind], datetime | None],
        now: datetime,
    ) -> None:
        """Have the jobs of exactly *detectors*, each when its file says.

        Args:
            detectors: as their files describe them now.
            last: when a job of a detector last began; asked for what is new here.
            now: the clock.
        """
        wanted = {f"{kind}:{d.name}": (d, kind) for d in detectors for kind in KINDS}
        for gone in self._schedules.keys() - wanted.keys():
            self._scheduler.remove_job(gone)
            del self._schedules[gone]
        for job, (detector, kind) in wanted.items():
            line = str(getattr(detector.schedule, kind))
            if self._schedules.get(job) == line:
                continue
            trigger = self._trigger(detector, kind)
            if job in self._schedules:
                self._scheduler.reschedule_job(job, trigger=trigger)
            else:
                first = first_run(trigger, kind, detector.name, last(detector.name, kind), now)
                self._scheduler.add_job(
                    self._run, trigger, (kind, detector.name), id=job, name=job, executor=kind,
                    next_run_time=first,
                )  # fmt: skip
            self._schedules[job] = line

    def check_soon(self, name: str) -> None:
        """Check what the SIEM lacks for a detector, once, beside what else runs."""
        self._scheduler.add_job(
            self._run, None, ("check", name), id=f"check:{name}", replace_existing=True,
            executor="score",
        )  # fmt: skip

    def due(self, kind: RunKind, name: str) -> datetime | None:
        """When that job of that detector runs next; None where there is no such job."""
        try:
            found: datetime | None = self._scheduler.get_job(f"{kind}:{name}").next_run_time
        except (AttributeError, JobLookupError):
            return None
        return found


def _left_out(event: JobSubmissionEvent) -> None:
    kind, _, name = event.job_id.partition(":")
    about = {"detector": name, "job": kind}
    _log.info("the run before is still going on; this one is left out", extra=about)
