"""Search jobs: run when they are created, kept until they expire."""

import itertools
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from tests.splunkd.messages import Refusal
from tests.splunkd.spl import engine
from tests.splunkd.spl.engine import Shown
from tests.splunkd.spl.times import Bounds, instant, shown
from tests.splunkd.spl.values import SearchFailed, SearchRefused

if TYPE_CHECKING:
    from tests.splunkd.instance import Instance

_MOST_KEPT = 500_000


@dataclass
class Job:
    """One search that was started."""

    sid: str
    search: str
    owner: str
    app: str
    created: float
    bounds: Bounds
    label: str = ""
    ttl: int = 600
    priority: int = 5
    rows: list[Shown] = field(default_factory=list)
    columns: list[str] | None = None
    transformed: bool = False
    messages: list[tuple[str, str]] = field(default_factory=list)
    state: str = "DONE"
    events: int = 0
    saved_search: str = ""
    touched: float = 0.0

    @property
    def fields(self) -> list[str]:
        """The names of the results' fields."""
        if self.columns is not None:
            return self.columns
        return list(dict.fromkeys(name for row in self.rows for name in row))

    def content(self, now: float) -> dict[str, Any]:
        """What splunkd tells of a job."""
        done, failed = self.state in ("DONE", "FAILED"), self.state == "FAILED"
        count = len(self.rows) if done else 0
        return {
            "canSummarize": False,
            "cursorTime": shown(0),
            "defaultSaveTTL": "604800",
            "defaultTTL": "600",
            "delegate": "scheduler" if self.saved_search else "",
            "diskUsage": 4096,
            "dispatchState": self.state,
            "doneProgress": "1.00000" if done else "0.00000",
            "dropCount": 0,
            "earliestTime": shown(self.bounds.earliest or 0),
            "eventAvailableCount": 0 if self.transformed else count,
            "eventCount": self.events,
            "eventFieldCount": 0 if self.transformed else len(self.fields),
            "eventIsStreaming": True,
            "eventIsTruncated": False,
            "eventSearch": self.search,
            "eventSorting": "none" if self.transformed else "desc",
            "isBatchModeSearch": False,
            "isDone": done,
            "isEventsPreviewEnabled": False,
            "isFailed": failed,
            "isFinalized": False,
            "isPaused": self.state == "PAUSED",
            "isPreviewEnabled": True,
            "isRealTimeSearch": False,
            "isRemoteTimeline": False,
            "isSaved": False,
            "isSavedSearch": bool(self.saved_search),
            "isTimeCursored": True,
            "isZombie": False,
            "keywords": "",
            "label": self.label or self.saved_search,
            "latestTime": shown(self.bounds.latest or now),
            "normalizedSearch": self.search,
            "numPreviews": 0,
            "pid": "1",
            "priority": self.priority,
            "provenance": "scheduler" if self.saved_search else "UI:Search",
            "remoteSearch": self.search,
            "reportSearch": self.search if self.transformed else None,
            "resultCount": count,
            "resultIsStreaming": not self.transformed,
            "resultPreviewCount": count,
            "runDuration": 0.01,
            "sampleRatio": "1",
            "sampleSeed": "0",
            "scanCount": self.events,
            "search": self.search,
            "searchCanBeEventType": False,
            "searchEarliestTime": self.bounds.earliest or 0,
            "searchLatestTime": self.bounds.latest or now,
            "searchTotalBucketsCount": 0,
            "searchTotalEliminatedBucketsCount": 0,
            "sid": self.sid,
            "statusBuckets": 0,
            "ttl": self.ttl,
            "performance": {},
            "messages": {kind.lower(): [text] for kind, text in self.messages},
            "request": {"search": self.search},
            "runtime": {"auto_cancel": "0", "auto_pause": "0"},
            "searchProviders": ["simulator"],
        }


class Jobs:
    """The jobs of a search head."""

    def __init__(self, instance: "Instance") -> None:
        self._instance = instance
        self._lock = Lock()
        self._numbers = itertools.count(1)
        self._jobs: dict[str, Job] = {}

    def bounds(self, given: dict[str, str], now: float) -> Bounds:
        """The times of a request."""
        try:
            return Bounds(
                instant(given.get("earliest_time", ""), now),
                instant(given.get("latest_time", ""), now),
                instant(given.get("index_earliest", ""), now),
                instant(given.get("index_latest", ""), now),
            )
        except SearchRefused as refused:
            raise Refusal(400, str(refused), "FATAL") from refused

    def sid(self, prefix: str = "") -> str:
        """A new search id."""
        return f"{prefix}{self._instance.clock.now():.0f}.{next(self._numbers)}"

    def run(
        self,
        search: str,
        *,
        owner: str,
        app: str,
        bounds: Bounds,
        sid: str = "",
        now: float | None = None,
        **more: Any,  # noqa: ANN401
    ) -> Job:
        """Run a search to its end and keep its results.

        Raises:
            Refusal: The search is not accepted.
        """
        instance = self._instance
        created = instance.clock.now()
        job = Job(sid or self.sid(), search, owner, app, created, bounds, touched=created, **more)
        try:
            running = engine.start(instance, search, owner=owner, app=app, bounds=bounds, now=now)
            for row in running.shown():
                job.rows.append(row)
                if len(job.rows) >= _MOST_KEPT:
                    break
            job.columns, job.transformed = running.columns, running.transformed
            job.messages += running.messages
            job.events = 0 if job.transformed else len(job.rows)
        except SearchRefused as refused:
            raise Refusal(400, str(refused), "FATAL") from refused
        except SearchFailed as failed:
            job.state, job.rows = "FAILED", []
            job.messages.append(("FATAL", str(failed)))
        with self._lock:
            self._jobs[job.sid] = job
        return job

    def get(self, sid: str) -> Job:
        """A job that is still kept; 404 otherwise."""
        now = self._instance.clock.now()
        with self._lock:
            job = self._jobs.get(sid)
            if job is not None and now - job.touched > job.ttl:
                del self._jobs[sid]
                job = None
        if job is None:
            raise Refusal(404, "Unknown sid.", "FATAL")
        return job

    def all(self) -> list[Job]:
        """All that are kept, newest first."""
        with self._lock:
            return list(self._jobs.values())[::-1]

    def remove(self, sid: str) -> None:
        """Forget a job."""
        with self._lock:
            self._jobs.pop(sid, None)
