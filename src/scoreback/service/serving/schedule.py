"""When each job of each detector is due.

Jobs are made in code and kept in memory: what was missed while nobody served is found from the
list of runs. One job of a kind runs at a time for a detector; what came due meanwhile runs once.
Detectors that select the same events, and are due at the same times, are scored by one job.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from scoreback.models.detector.cron import apscheduler_line
from scoreback.models.detector.spec import Detector
from scoreback.service.scoring.plan import selected
from scoreback.service.state.workspace_state import RunKind

SPREAD = timedelta(seconds=20)  # within it starts are spread: most schedules say "*/5"

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


@dataclass(frozen=True, slots=True)
class Planned:
    """A job of one or several detectors, which share the events and the cron line."""

    kind: RunKind
    detectors: tuple[Detector, ...]  # by name
    line: str

    @property
    def names(self) -> tuple[str, ...]:
        """Of its detectors."""
        return tuple(detector.name for detector in self.detectors)


def planned(detectors: Iterable[Detector], siem: str) -> Mapping[str, Planned]:
    """The jobs that *detectors* need with the connector *siem*, each under its id."""
    groups: dict[tuple[str, str, str], list[Detector]] = {}
    for detector in sorted(detectors, key=lambda d: d.name):
        selection = detector.events.get(siem)
        # One that selects nothing there is told so when it runs, and is nobody's trouble.
        events = detector.name if selection is None else selected(selection)
        score, train = detector.schedule.score, detector.schedule.train
        groups.setdefault(("score", str(score), events), []).append(detector)
        groups.setdefault(("train", str(train), detector.name), []).append(detector)
    return {
        f"{kind}:{group[0].name}": Planned(
            "score" if kind == "score" else "train", tuple(group), line
        )
        for (kind, line, _), group in groups.items()
    }


class Schedule:
    """Runs the jobs of detectors in threads, each when it is due.

    Training has a thread of its own, so that it never keeps scoring from starting.
    """

    def __init__(
        self,
        run: Callable[..., None],
        *,
        at_once: int,
        siem: str,
        trigger: Callable[[Detector, RunKind], Trigger] = trigger_of,
    ) -> None:
        """Call *run* with a kind of job and its detectors' names.

        Args:
            run: does a job.
            at_once: jobs of scoring that run at the same time.
            siem: the connector whose events are read.
            trigger: when a job of a detector is due.
        """
        self._run, self._siem, self._trigger = run, siem, trigger
        self._planned: Mapping[str, Planned] = {}  # by id
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"score": ThreadPoolExecutor(at_once), "train": ThreadPoolExecutor(1)},
            # However late a run starts, it starts once: its events have waited for it.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._left_out, EVENT_JOB_MAX_INSTANCES)

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
        last: Callable[[str, RunKind], datetime | None],
        now: datetime,
    ) -> None:
        """Have *job* run as *plan* says, which is new or another than what is *known*."""
        trigger, arguments = self._trigger(plan.detectors[0], plan.kind), (plan.kind, *plan.names)
        title = f"{plan.kind}:{', '.join(plan.names)}"
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
                self._run, trigger, arguments, id=job, name=title, executor=plan.kind,
                next_run_time=first,
            )  # fmt: skip
            return
        due = self._scheduler.get_job(job).next_run_time
        if first is not None and (due is None or first < due):
            self._scheduler.modify_job(job, next_run_time=first)

    def score_apart(self, name: str) -> None:
        """Score a detector once, soon, by itself."""
        self._scheduler.add_job(
            self._run, None, ("score", name), id=f"apart:{name}", replace_existing=True,
            executor="score",
        )  # fmt: skip

    def check_soon(self, name: str) -> None:
        """Check what the SIEM lacks for a detector, once, beside what else runs."""
        self._scheduler.add_job(
            self._run, None, ("check", name), id=f"check:{name}", replace_existing=True,
            executor="score",
        )  # fmt: skip

    def due(self, kind: RunKind, name: str) -> datetime | None:
        """When that job of that detector runs next; None where there is no such job."""
        for job, plan in self._planned.items():
            if plan.kind == kind and name in plan.names:
                waiting = self._scheduler.get_job(job)
                return None if waiting is None else waiting.next_run_time
        return None

    def _left_out(self, event: JobSubmissionEvent) -> None:
        plan = self._planned.get(event.job_id)
        kind, _, name = event.job_id.partition(":")
        about = {"detector": name if plan is None else ", ".join(plan.names), "job": kind}
        _log.info("the run before is still going on; this one is left out", extra=about)
