"""What scoring runs did, as rows and as JSON."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from scoreback.errors import ScorebackError, StateError
from scoreback.models.detector.spec import Detector
from scoreback.service.cli import show
from scoreback.service.scoring.champions import LiveRun

# The columns when several detectors were scored.
_COLUMNS = (
    "detector", "version", "read", "waiting", "scored", "late", "stored", "refused",
    "alerts raised", "held back by cap or throttle", "held back by budget",
)  # fmt: skip
# Shown for a single detector even if 0; the rest is shown only if it is not 0.
_ALWAYS = frozenset({*_COLUMNS, "next run"}) - {"late", "refused"}


def trouble(file: Path, run: LiveRun) -> Exception | None:
    """The error that stopped the scoring of *file*'s detector, or None."""
    if run.outcome.error is None and run.champion is None:
        return StateError(
            f"detector {run.detector.name!r} has no version that scores",
            hint=f"train one and let it score: scoreback train {file} --promote",
        )
    return run.outcome.error


def summary(run: LiveRun) -> dict[str, object]:
    """What one run did, by the names of table columns."""
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
    """The same for people: with the time of the next run, and without empty counts."""
    found = {name: value for name, value in summary(run).items() if value or name in _ALWAYS}
    for name in ("above the threshold", "held back"):  # shown by the counts of what became of them
        found.pop(name, None)
    told = {name: f"{v:,}" if isinstance(v, int) else v for name, v in found.items()}
    return told | {"next run": in_words_next(run.detector, now)}


def in_words_next(detector: Detector, now: datetime) -> str:
    """When *detector* is scored next, if `serve` or cron follows its schedule."""
    due = next_run(detector, now)
    line = detector.schedule.score
    return "never" if due is None else f"{due:%Y-%m-%d %H:%M} UTC, if scheduled by {line}"


def next_run(detector: Detector, now: datetime) -> datetime | None:
    """The first time after *now* in its schedule."""
    from scoreback.service.serving.schedule import SpreadCron

    return SpreadCron(str(detector.schedule.score), timedelta(0)).get_next_fire_time(None, now)


def as_json(run: LiveRun, now: datetime, error: Exception | None = None) -> dict[str, object]:
    """What one run did, when the next is due, and the error if it failed."""
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
    """Whether somebody has to act although the run succeeded."""
    return bool(run.outcome.not_at_home) or any(p.refused for p in run.outcome.published)


def say_not_at_home(run: LiveRun) -> None:
    """Warn about versions that score events unlike those they learnt from."""
    for version, reasons in run.outcome.not_at_home.items():
        show.warn(
            f"{version} of {run.detector.name} is not at home here: it scores events unlike those"
            f" it was trained on, so do not trust its alerts: {'; '.join(reasons)}",
            hint="train on events of this network; see `scoreback health`",
        )


def say_unusable(run: LiveRun) -> None:
    """Warn about shadows that did not score."""
    for version, why in run.unusable.items():
        show.warn(
            f"{run.detector.name}: the champion scored, but shadow {version} could not: {why}"
        )


def broken_as_json(file: Path, error: ScorebackError) -> dict[str, object]:
    """The entry of a detector file that cannot be read."""
    return {"file": str(file), "error": error.message, "hint": error.hint}


def say_history_only(run: LiveRun) -> None:
    """Say why nothing was scored, if all events that were read came before the version."""
    outcome, version = run.outcome, run.champion
    waits = run.waiting is not None and run.waiting.count
    if outcome.read and version is not None and not (outcome.scored or outcome.late or waits):
        show.say(
            f"No event was scored: all events that were read arrived before {version.version} was"
            f" trained (as of {version.trained_as_of:%Y-%m-%d %H:%M} UTC); they only serve as"
            " history for its windows."
        )


def show_table(runs: Sequence[LiveRun]) -> None:
    """Print a row for each of *runs*."""
    found = [[summary(run)[name] for name in _COLUMNS] for run in runs]
    rows = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in found]
    show.table("Scored", _COLUMNS, rows, numbers="  rrrrrrrrr")
