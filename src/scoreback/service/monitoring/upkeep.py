"""Whether a detector is kept running: its freshness, version, runs and refused documents."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from scoreback.health import Figure, HealthDocument, Kind
from scoreback.records import TimeWindow
from scoreback.service.deploying.artifacts import unusable_versions
from scoreback.service.monitoring.subject import DAY, Subject
from scoreback.service.monitoring.threshold import threshold_in_force
from scoreback.service.state.runs import Run, runs
from scoreback.service.state.scored_counts import counted_hours, newest_event, scored_since
from scoreback.service.state.versions import Versions

JOBS = ("score", "train")
LEAST_LAG = timedelta(hours=6)  # of events; this much is always tolerated
_UNKNOWN_LAG = DAY  # tolerated while too little is known of the detector's pauses
_PAUSES = 30 * DAY  # how far back pauses are looked for
_MARGIN = 1.5  # times the second longest pause: the longest may be the trouble of last week
_RUNS = 100


def upkeep(subject: Subject, retrain_due: str | None = None) -> list[HealthDocument]:
    """Documents of threshold, freshness, version, runs and refused documents.

    The version's document says whether a training is due.
    """
    in_force = threshold_in_force(subject.app, subject.champion)
    threshold: dict[str, Figure | None] = {
        "value": in_force.value, "reason": in_force.reason, "since": in_force.since,
    }  # fmt: skip
    return [
        _freshness(subject),
        _version(subject, retrain_due),
        *_runs_and_refused(subject),
        subject.document(Kind.THRESHOLD, threshold),
    ]


def tolerated_lag(hours: Sequence[datetime]) -> timedelta:
    """How long events may stay away before a detector is stale, given the *hours* that had some.

    Half as long again as the second longest pause of the last month, and at least `LEAST_LAG`: so a
    source that rests at night and at weekends is not stale then.
    """
    pauses = sorted(b - a for a, b in pairwise(hours))
    if len(pauses) < 2:
        return _UNKNOWN_LAG
    return max(LEAST_LAG, _MARGIN * pauses[-2])


def _freshness(subject: Subject) -> HealthDocument:
    state, now = subject.app.state, subject.now
    newest = newest_event(state, subject.name)
    progress = state.latest_progress(subject.name)
    tolerated = _UNKNOWN_LAG
    if newest is not None:
        window = TimeWindow(since=newest - _PAUSES, until=max(newest, now))
        tolerated = tolerated_lag(counted_hours(state, subject.name, window))
    # A run that found nothing new moves no watermark, but it has read all the same.
    done = [r.started_at for r in runs(state, subject.name, _RUNS, kind="score")
            if r.status == "done"]  # fmt: skip
    looked = [*done[:1], *([] if progress is None else [progress.watermark])]
    read_until = max(looked, default=None)
    return subject.document(
        Kind.FRESHNESS,
        {
            "newest_event": newest,
            "event_lag": None if newest is None else _seconds(now - newest),
            "read_until": read_until,
            "read_lag": None if read_until is None else _seconds(now - read_until),
            "tolerated_lag": tolerated.total_seconds(),
            "scored_last_day": scored_since(state, subject.name, now - DAY),
        },
    )


def _version(subject: Subject, retrain_due: str | None) -> HealthDocument:
    champion = subject.champion
    versions = Versions(subject.app.state).list(subject.name)
    broken = unusable_versions(subject.app, subject.detector)
    newer = [v for v in versions if v.status == "candidate" and v.created_at > champion.created_at]
    return subject.document(
        Kind.VERSION,
        {
            "algorithm": champion.algorithm,
            "trained_as_of": champion.trained_as_of,
            "age": _seconds(subject.now - champion.trained_as_of),
            "versions": len(versions),
            "candidates": len(newer),
            "shadows": sum(v.status == "shadow" for v in versions),
            "unusable": "; ".join(f"{v}: {why}" for v, why in broken.items()) or None,
            "trained_because": champion.trained_because or None,
            "retrain_due": retrain_due,
        },
    )


def _runs_and_refused(subject: Subject) -> list[HealthDocument]:
    found, scoring = [], list[Run]()
    for kind in JOBS:
        latest = runs(subject.app.state, subject.name, _RUNS, kind=kind)
        if kind == "score":
            scoring = [*latest]
        if latest:
            found.append(subject.document(Kind.RUN, _run(latest), subject=kind))
    refused = {
        name: sum(
            run.counts.get("refused", 0) for run in scoring if run.started_at >= subject.now - span
        )
        for name, span in (("last_day", DAY), ("last_week", 7 * DAY))
    }
    return [*found, subject.document(Kind.REFUSED, refused)]


def _run(latest: Sequence[Run]) -> dict[str, Figure | None]:
    """Figures of the last run of a kind; the cost of a run in progress is unknown."""
    last = latest[0]
    ended = [run.status for run in latest if run.status not in ("running", "stopped")]
    failed = next((n for n, status in enumerate(ended) if status == "done"), len(ended))
    counts = last.counts
    return {
        "started": last.started_at,
        "status": last.status,
        "error": last.error,
        "seconds": counts.get("seconds"),
        "read": counts.get("read"),
        "scored": counts.get("scored"),
        "failed_in_a_row": failed,
    }


def _seconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds())
