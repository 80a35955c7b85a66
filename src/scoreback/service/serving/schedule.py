"""When each job of each detector is due.

Jobs are values (`serving.kinds`) and kept in memory: runs that were missed while nobody served are
found from the list of runs. One job of a kind runs at a time for a detector; if it comes due
meanwhile, it runs once. Detectors that share a run and are due at the same times have one job.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from scoreback.models.detector.cron import apscheduler_line
from scoreback.models.detector.spec import Detector
from scoreback.service.serving.kinds import KINDS
from scoreback.service.serving.kinds.kind import MANY, ONE, Kind

SPREAD = timedelta(seconds=20)  # starts are spread over it, as most schedules say "*/5"

_log = logging.getLogger(__name__)


class Trigger(Protocol):
    """Says when a job is due, by APScheduler's interface."""

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """The first time after *previous* that is not before *now*; without it, from *now* on."""
        ...


class SpreadCron(BaseTrigger):  # type: ignore[misc]  # untyped in APScheduler
    """A cron line in UTC, some seconds late: always as many for the same job and detector."""

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
    """How long after its time a job starts: always the same, but different for each detector."""
    digest = hashlib.sha256(f"{kind}/{detector}".encode()).digest()
    return SPREAD * int.from_bytes(digest[:4], "big") / 2**32


def trigger_of(detector: Detector, kind: Kind) -> Trigger:
    """When that job of *detector* is due."""
    return SpreadCron(kind.line(detector) or "", late_by(detector.name, kind.name))


def first_run(
    trigger: Trigger, kind: Kind, name: str, last: datetime | None, now: datetime
) -> datetime | None:
    """When a job that is new here runs first; *last* is when it last ran anywhere.

    If it has come due since then, it runs soon. A job that never ran runs soon, too, or waits for
    its time, as its kind says.
    """
    if last is None:
        missed = kind.at_first
    else:
        due = trigger.get_next_fire_time(last, last)
        missed = due is not None and due <= now
    return now + late_by(name, kind.name) if missed else trigger.get_next_fire_time(None, now)


@dataclass(frozen=True, slots=True)
class Planned:
    """A job of one or several detectors, which share a run and a cron line."""

    kind: Kind
    detectors: tuple[Detector, ...]  # by name
    line: str

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its detectors."""
        return tuple(detector.name for detector in self.detectors)


def planned(detectors: Iterable[Detector], siem: str) -> Mapping[str, Planned]:
    """The jobs that *detectors* need with the connector *siem*, each under its id."""
    groups: dict[tuple[str, str, str], list[Detector]] = {}
    for detector in sorted(detectors, key=lambda d: d.name):
        for kind in KINDS.values():
            line = kind.line(detector)
            if line is not None:
                key = (kind.name, line, kind.shared_by(detector, siem))
                groups.setdefault(key, []).append(detector)
    return {
        f"{kind}:{group[0].name}": Planned(KINDS[kind], tuple(group), line)
        for (kind, line, _), group in groups.items()
    }


class Schedule:
    """Runs the jobs of detectors in threads, each when it is due."""

    def __init__(
        self,
        run: Callable[..., None],
        *,
        at_once: int,
        siem: str,
        trigger: Callable[[Detector, Kind], Trigger] = trigger_of,
    ) -> None:
        """Call *run* with a kind of job and its detectors' names.

        Args:
            run: runs a job.
            at_once: how many jobs run at the same time, besides one of those that take long.
            siem: the connector whose events are read.
            trigger: returns when a job of a detector is due.
        """
        self._run, self._siem, self._trigger = run, siem, trigger
        self._planned: Mapping[str, Planned] = {}  # by id
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={MANY: ThreadPoolExecutor(at_once), ONE: ThreadPoolExecutor(1)},
            # However late a run starts, it starts only once: its events have waited for it.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._left_out, EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Run jobs from now on."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start no more jobs; those that run go on."""
        self._scheduler.shutdown(wait=False)

    def follow(
        self,
        detectors: Iterable[Detector],
        last: Callable[[str, Kind], datetime | None],
        now: datetime,
    ) -> None:
        """Schedule the jobs of exactly *detectors*, each as its file says.

        Args:
            detectors: as their files describe them now.
            last: returns when a job of a detector last began; called for jobs that are new here.
            now: the current time.
        """
        wanted = planned(detectors, self._siem)
        for gone in self._planned.keys() - wanted.keys():
            self._scheduler.remove_job(gone)
        done = {job: known for job, known in self._planned.items() if job in wanted}
        self._planned = done
        for job, plan in wanted.items():
            known = done.get(job)
            if known is None or (known.names, known.line) != (plan.names, plan.line):
                self._plan(job, plan, known, last, now)
            done[job] = plan

    def _plan(
        self,
        job: str,
        plan: Planned,
        known: Planned | None,
        last: Callable[[str, Kind], datetime | None],
        now: datetime,
    ) -> None:
        """Schedule *job* as *plan* says, which is new or differs from the *known* one."""
        trigger = self._trigger(plan.detectors[0], plan.kind)
        arguments = (plan.kind.name, *plan.names)
        title = f"{plan.kind.name}:{', '.join(plan.names)}"
        if known is not None:
            self._scheduler.modify_job(job, args=arguments, name=title)
            if known.line != plan.line:
                self._scheduler.reschedule_job(job, trigger=trigger)
        came = [name for name in plan.names if known is None or name not in known.names]
        times = [
            first_run(trigger, plan.kind, plan.names[0], last(n, plan.kind), now) for n in came
        ]
        first = min((time for time in times if time is not None), default=None)
        if known is None:
            self._scheduler.add_job(
                self._run, trigger, arguments, id=job, name=title, executor=plan.kind.executor,
                next_run_time=first,
            )  # fmt: skip
            return
        due = self._scheduler.get_job(job).next_run_time
        if first is not None and (due is None or first < due):
            self._scheduler.modify_job(job, next_run_time=first)

    def soon(self, kind: str, name: str) -> None:
        """Run that job for one detector once, soon, beside what else is running."""
        self._scheduler.add_job(
            self._run, None, (kind, name), id=f"soon:{kind}:{name}", replace_existing=True,
            executor=KINDS[kind].executor,
        )  # fmt: skip

    def due(self, kind: str, name: str) -> datetime | None:
        """When that job of that detector runs next; None where there is no such job."""
        for job, plan in self._planned.items():
            if plan.kind.name == kind and name in plan.names:
                waiting = self._scheduler.get_job(job)
                return None if waiting is None else waiting.next_run_time
        return None

    def _left_out(self, event: JobSubmissionEvent) -> None:
        plan = self._planned.get(event.job_id)
        kind, _, name = event.job_id.partition(":")
        about = {"detector": name if plan is None else ", ".join(plan.names), "job": kind}
        _log.info("previous run still in progress; skipping this one", extra=about)
