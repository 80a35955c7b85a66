"""What scoring runs did, as rows for people and as JSON for machines."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from scoreback.errors import ScorebackError, StateError
from scoreback.models.detector.spec import Detector
from scoreback.service.cli import show
from scoreback.service.scoring.champions import LiveRun

# Of a summary, what a row of several detectors shows.
_COLUMNS = (
    "detector", "version", "read", "waiting", "scored", "late", "stored", "refused",
    "alerts raised", "held back by cap or throttle", "held back by budget",
)  # fmt: skip
# What is shown of a single detector even where it is 0; the rest only where there is some.
_ALWAYS = frozenset({*_COLUMNS, "next run"}) - {"late", "refused"}


def trouble(file: Path, run: LiveRun) -> Exception | None:
    """What kept the detector of *file* from being scored to the end; None: nothing."""
    if run.outcome.error is None and run.champion is None:
        return StateError(
            f"detector {run.detector.name!r} has no version that scores",
            hint=f"train one and let it score: scoreback train {file} --promote",
        )
    return run.outcome.error


def summary(run: LiveRun) -> dict[str, object]:
    """What one run did, in the words of a table."""
    outcome = run.outcome
    return {
        "detector": run.detector.name,
        "version": None if run.champion is None else run.champion.version,
        "read": outcome.read,
        "waiting": 0 if run.waiting is None else run.waiting.count,
        "scored": outcome.scored,
        "late": outcome.late,
        **({} if run.detector.group is None else {"in no group": outcome.ungrouped}),
        "stored": sum(p.written for p in outcome.published),
        "already there": sum(p.already_there for p in outcome.published),
        "refused": sum(p.refused for p in outcome.published),
        "above the threshold": outcome.alerts + outcome.suppressed,
        "held back": outcome.suppressed,
        "alerts raised": outcome.opened,
        "held back by cap or throttle": outcome.joined,
        "held back by budget": outcome.over_budget,
        "explored": outcome.explored,
        "batches in doubt resolved": outcome.resolved,
        "batches not seen yet": outcome.waiting,
    }


def shown(run: LiveRun, now: datetime) -> dict[str, object]:
    """The same for people: when the next run is due, and no zeros that say nothing."""
    found = {name: value for name, value in summary(run).items() if value or name in _ALWAYS}
    for name in ("above the threshold", "held back"):  # told by what became of them
        found.pop(name, None)
    told = {name: f"{v:,}" if isinstance(v, int) else v for name, v in found.items()}
    return told | {"next run": in_words_next(run.detector, now)}


def in_words_next(detector: Detector, now: datetime) -> str:
    """When *detector* is scored next, where `serve` or cron follows its schedule."""
    due = next_run(detector, now)
    line = detector.schedule.score
    return "never" if due is None else f"{due:%Y-%m-%d %H:%M} UTC, if scheduled by {line}"


def next_run(detector: Detector, now: datetime) -> datetime | None:
    """The first time after *now* that its schedule names."""
    from scoreback.service.serving.schedule import SpreadCron

    return SpreadCron(str(detector.schedule.score), timedelta(0)).get_next_fire_time(None, now)


def as_json(run: LiveRun, now: datetime, error: Exception | None = None) -> dict[str, object]:
    """What one run did, when the next is due, and what went wrong with it."""
    found = {name.replace(" ", "_"): value for name, value in summary(run).items()}
    found["paused"] = run.paused
    found["next_run"] = next_run(run.detector, now)
    found["uncast"] = run.outcome.uncast
    found["never_scored"] = run.never_scored
    found["events_waiting"] = 0 if run.waiting is None else run.waiting.count
    found["waiting_since"] = None if run.waiting is None else run.waiting.oldest
    found["unusable_shadows"] = run.unusable
    found["not_at_home"] = {v: list(why) for v, why in run.outcome.not_at_home.items()}
    if error is not None:
        found["error"] = str(error)
        found["hint"] = error.hint if isinstance(error, ScorebackError) else ""
    return found


def needs_a_look(run: LiveRun) -> bool:
    """Whether something is to be done though the run came to its end."""
    return bool(run.outcome.not_at_home) or any(p.refused for p in run.outcome.published)


def say_not_at_home(run: LiveRun) -> None:
    """Tell that a version scores what is unlike what it learnt from, if one does."""
    for version, reasons in run.outcome.not_at_home.items():
        show.warn(
            f"{version} of {run.detector.name} is not at home here: what it scores is unlike what"
            f" it was trained on, so its alerts are not to be trusted: {'; '.join(reasons)}",
            hint="train on events of this network; see `scoreback health`",
        )


def say_unusable(run: LiveRun) -> None:
    """Tell which shadows did not score."""
    for version, why in run.unusable.items():
        show.warn(f"{run.detector.name}: shadow {version} does not score, the champion did: {why}")


def broken_as_json(file: Path, error: ScorebackError) -> dict[str, object]:
    """A detector file that describes no detector to be scored."""
    return {"file": str(file), "error": error.message, "hint": error.hint}


def say_history_only(run: LiveRun) -> None:
    """Tell why nothing was scored of what was read, where all of it came before the version."""
    outcome, version = run.outcome, run.champion
    waits = run.waiting is not None and run.waiting.count
    if outcome.read and version is not None and not (outcome.scored or outcome.late or waits):
        show.say(
            f"No event was scored: those that were read arrived before {version.version} was"
            f" trained (as of {version.trained_as_of:%Y-%m-%d %H:%M} UTC); they are history for"
            " its windows."
        )


def show_table(runs: Sequence[LiveRun]) -> None:
    """A row for each of *runs*."""
    found = [[summary(run)[name] for name in _COLUMNS] for run in runs]
    rows = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in found]
    show.table("Scored", _COLUMNS, rows, numbers="  rrrrrrrrr")
