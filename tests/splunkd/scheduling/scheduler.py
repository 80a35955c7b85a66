"""The scheduler: it runs what is due when it is told to, by the simulator's clock."""

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from tests.splunkd.confs import Change, Stanza
from tests.splunkd.messages import Refusal
from tests.splunkd.scheduling import actions, cron_times
from tests.splunkd.scheduling.alerts import FiredAlert, raises
from tests.splunkd.scheduling.dispatch import dispatched, is_on
from tests.splunkd.spl import engine
from tests.splunkd.spl.values import SearchFailed, SearchRefused
from tests.splunkd.store import Event

if TYPE_CHECKING:
    from tests.splunkd.instance import Instance
    from tests.splunkd.jobs import Job

_MOST_MADE_UP = 2000


@dataclass(frozen=True)
class Run:
    """What became of one scheduled time of a saved search."""

    search: str
    scheduled: float
    status: str
    """success, skipped, deferred or failed."""
    sid: str = ""
    results: int = 0
    raised: bool = False
    actions: dict[str, str] = field(default_factory=dict)
    """Each action's error; empty where it went well."""
    reason: str = ""


class Scheduler:
    """Runs scheduled searches of a search head; in a cluster, of its captain."""

    def __init__(self, started: float) -> None:
        self._lock = Lock()
        self._started = started
        self._since: dict[tuple[str, str, str], float] = {}
        """Up to when each saved search has been run, by owner, app and name."""
        self.runs: list[Run] = []

    def watch(self, instance: "Instance") -> None:
        """Let searches that are made, or scheduled anew, begin when they are."""

        def changed(change: Change) -> None:
            if change.conf == "savedsearches" and change.values is not None:
                key = (change.owner, change.app, change.name)
                self._since.setdefault(key, instance.clock.now())

        instance.confs.changed.append(changed)

    def next_due(self, instance: "Instance") -> float | None:
        """When the next search is due, be it past; None where nothing is scheduled."""
        times = [
            cron_times.after(cron, self._since.get((s.owner, s.app, s.name), self._started))
            for s in instance.confs.stanzas("savedsearches")
            if (cron := _cron(s.values))
        ]
        return min(times, default=None)

    def run_due(self, instance: "Instance") -> list[Run]:
        """Run everything that was scheduled up to now; what has been run is left alone."""
        with self._lock:
            made = [
                self._run(instance, stanza, at) for at, stanza in sorted(
                    self._due(instance), key=lambda due: (due[0], due[1].name)
                )
            ]  # fmt: skip
            self.runs += made
            return made

    def _due(self, instance: "Instance") -> list[tuple[float, Stanza]]:
        now = instance.clock.now()
        found: list[tuple[float, Stanza]] = []
        for stanza in instance.confs.stanzas("savedsearches"):
            values = stanza.values
            key = (stanza.owner, stanza.app, stanza.name)
            cron = _cron(values)
            if not cron:
                self._since[key] = now
                continue
            times = list(cron_times.between(cron, self._since.get(key, self._started), now))
            if not times:
                continue
            if instance.faults.take("queue_scheduled", "SCHEDULE", stanza.name):
                self._log(instance, Run(stanza.name, times[-1], "deferred", reason="queued"))
                continue
            self._since[key] = times[-1]
            if is_on(values.get("realtime_schedule", "1")):
                times = times[-1:]
            found += [(at, stanza) for at in times[-_MOST_MADE_UP:]]
        return found

    def _run(self, instance: "Instance", stanza: Stanza, at: float) -> Run:
        if instance.faults.take("skip_scheduled", "SCHEDULE", stanza.name):
            reason = "The maximum number of concurrent running jobs has been reached"
            return self._log(instance, Run(stanza.name, at, "skipped", reason=reason))
        try:
            job = dispatched(instance, stanza, at, kind="scheduler__")
        except Refusal as refusal:
            return self._log(instance, Run(stanza.name, at, "failed", reason=refusal.text))
        if job.state == "FAILED":
            said = "; ".join(text for _, text in job.messages)
            return self._log(instance, Run(stanza.name, at, "failed", job.sid, reason=said))
        return self._log(instance, self._finished(instance, stanza, at, job))

    def _finished(self, instance: "Instance", stanza: Stanza, at: float, job: "Job") -> Run:
        values = stanza.values
        rows = job.rows
        raised = raises(values, rows, _custom(instance, values, job))
        if raised:
            rows = instance.alerts.let_through(stanza.name, values, rows, at)
            raised = bool(rows) or (not job.rows and bool(values.get("counttype")))
        done: dict[str, str] = {}
        if raised:
            done = actions.perform(instance, stanza, job, rows, at)
            if is_on(values.get("alert.track", "0")):
                severity = values.get("alert.severity", "3")
                instance.alerts.fired.append(
                    FiredAlert(stanza.name, job.sid, instance.clock.now(), severity, tuple(done),
                               len(rows), stanza.app, stanza.owner)
                )  # fmt: skip
        return Run(stanza.name, at, "success", job.sid, len(job.rows), raised, done)

    def _log(self, instance: "Instance", run: Run) -> Run:
        """Tell of a run where splunkd does: in the index ``_internal``."""
        text = (
            f'status={run.status}, savedsearch_name="{run.search}", '
            f"scheduled_time={run.scheduled:.0f}, result_count={run.results}, "
            f'alert_actions="{",".join(run.actions)}", reason="{run.reason}", sid="{run.sid}"'
        )
        now = instance.clock.now()
        source = "/opt/splunk/var/log/splunk/scheduler.log"
        instance.store.add([Event("_internal", now, instance.name, source, "scheduler", text)])
        return run


def _cron(values: dict[str, str]) -> str:
    """The schedule of a search that is on."""
    cron = values.get("cron_schedule", "")
    off = is_on(values.get("disabled", "0")) or not is_on(values.get("enableSched", "0"))
    return "" if off or not cron or not cron_times.valid(cron) else cron


def _custom(instance: "Instance", values: dict[str, str], job: "Job") -> int | None:
    condition = values.get("alert_condition", "")
    if values.get("counttype") != "custom" or not condition:
        return None
    try:
        return engine.filtered(instance, job.rows, condition, owner=job.owner, app=job.app)
    except (SearchFailed, SearchRefused):
        return None
