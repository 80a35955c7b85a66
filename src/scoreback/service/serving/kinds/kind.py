"""A kind of job as a value: when it is due, where it runs, what it holds, what it does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scoreback.errors import ScorebackError
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.serving.detector_watch import Served

MANY, ONE = "many", "one"  # executors: several jobs at once, or one after the other


class NotYet(ScorebackError):
    """Nothing went wrong, but there is nothing to do either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run of a job works with."""

    app: App
    now: datetime  # when the run began
    pause: Callable[[int], None]  # called between two steps; ends the run when that is asked for
    # Logs a warning of something about detectors, unless the same was the last of it for them.
    warn: Callable[[str, Sequence[str], str], None]  # what it is about, names, text
    clear: Callable[[str, str], None]  # what was warned of is over for that detector
    # Has a detector run by itself, soon; None where this run is of that sort already.
    apart: Callable[[str], None] | None
    left: Callable[[Sequence[str]], None]  # told which detectors the run is of, if not of all
    # Has another kind run for a detector, soon; None where only this run was asked for.
    soon: Callable[[str, str], None] | None = None


Ended = Mapping[str, Exception | None]  # detector → what went wrong with it, if anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of job. A new one is a value like this, and its name in the list of all."""

    name: str
    executor: str = MANY
    lock: str | None = None  # what `State.lock` a run holds for each of its detectors
    line: Callable[[Detector], str | None]  # when it is due, as a cron line; None: not by the clock
    when_changed: bool = False  # also soon after the start, and after a detector's file changed
    at_first: bool = False  # one that never ran is due at once
    # Detectors with the same text here share a run, in a connection that uses that connector.
    shared_by: Callable[[Detector, str], str] = lambda detector, _connector: detector.name
    run: Callable[[Work, Sequence[Served]], Ended]

    @property
    def journalled(self) -> bool:
        """Whether the state keeps a list of its runs: those that hold a lock of their own."""
        return self.lock == self.name
