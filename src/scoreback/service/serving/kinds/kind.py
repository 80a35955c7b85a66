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
    """Not an error: there is just nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a run of a job works with."""

    app: App
    now: datetime  # when the run began
    pause: Callable[[int], None]  # called between two steps; ends the run if it was asked to end
    # Logs a warning about detectors, unless it was the last one on that subject for them.
    warn: Callable[[str, Sequence[str], str], None]  # what it is about, names, text
    clear: Callable[[str, str], None]  # what was warned about is over for that detector
    # Runs this job for one detector alone, soon; None if this is such a run already.
    apart: Callable[[str], None] | None
    left: Callable[[Sequence[str]], None]  # told which detectors the run is for, if not for all
    # Runs another kind of job for a detector, soon; None if only this run was asked for.
    soon: Callable[[str, str], None] | None = None


Ended = Mapping[str, Exception | None]  # detector → what went wrong with it, if anything


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of job. To add one, make a value like this and add its name to the list of all."""

    name: str
    executor: str = MANY
    lock: str | None = None  # what `State.lock` a run holds for each of its detectors
    line: Callable[[Detector], str | None]  # when it is due, as a cron line; None: not by the clock
    when_changed: bool = False  # also due soon after the start, and after a detector's file changed
    at_first: bool = False  # a job that never ran is due at once
    # Detectors for which this returns the same text share a run with that connector.
    shared_by: Callable[[Detector, str], str] = lambda detector, _connector: detector.name
    run: Callable[[Work, Sequence[Served]], Ended]

    @property
    def journalled(self) -> bool:
        """Whether the state lists its runs, as it does for kinds that hold a lock of their own."""
        return self.lock == self.name
