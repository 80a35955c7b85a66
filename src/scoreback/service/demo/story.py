"""What happened to one detector in the demo, as values: days, phases, and what changed between."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from scoreback.models.detector.spec import Detector
from scoreback.records import Alert
from scoreback.service.demo.difficulty import Difficulty
from scoreback.service.demo.judge import Judged
from scoreback.service.recalling.rollback import RolledBack
from scoreback.service.state.gate_verdicts import GateVerdict
from scoreback.service.training.train_job import TrainOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """On the evening before which day what happens; days count from 0."""

    first_training: int = 18
    second_training: int = 29
    end: int = 40
    # The second version scores in shadow until the gate has decided, and somebody makes a mistake;
    # without it, the second version is promoted by hand at once, and that is all.
    gate: bool = True
    mistake: int = 36
    learnt_until: int = 10  # what is promoted by mistake knows no later day
    taken_back: int = 38
    noticed: timedelta = timedelta(hours=4)  # into that day


WHOLE = Calendar()
SHORT = Calendar(second_training=33, gate=False)
# From the fifth live day on the company runs new software and meets a new kind of attack. It is
# more than the simulation has by default: forty days are short, and a change is to show in them.
CHANGING = Difficulty(drift_day=22, drift_rate=4.0, new_attack_day=22)


class Chapter(StrEnum):
    """What a phase begins with."""

    LEARNING = "learning"
    FIRST = "first"  # a version is promoted by hand, as none scored
    CHANGE = "change"  # of what the company runs, and of what attacks it
    SHADOW = "shadow"  # the second version scores beside the first
    SECOND = "second"  # it takes the place of the first
    MISTAKE = "mistake"  # a bad version is promoted by hand
    BACK = "back"  # and rolled back


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Days on which the same happens."""

    chapter: Chapter
    since: int
    until: int  # not included
    version: str | None  # that raises alerts; None while none does
    judged: Judged | None  # likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """The alerts of one day, by the truth."""

    day: int
    alerts: int
    true_alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSeen:
    """The first look that found what is scored unlike what was learnt from."""

    day: int
    why: str
    psi: float | None  # of the scores
    usual_psi: float | None  # at most, within training


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A bad version and its end."""

    bad: TrainOutcome
    done: RolledBack
    rules: tuple[str | None, str | None]  # version that the SIEM's rule asked for: before, after


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happened to one detector."""

    detector: Detector
    start: datetime  # midnight of day 0
    first: TrainOutcome
    second: TrainOutcome
    phases: tuple[Phase, ...]
    days: tuple[DayCount, ...]
    drift: DriftSeen | None
    gate: tuple[GateVerdict, ...]  # what it said, day by day
    stayed: Judged | None  # the first version, had it stayed in the second's first phase
    refused: str | None  # why training refused what was to be the mistake
    taken_back: TakenBack | None
    closed: int  # alerts that analysts closed
    example: Alert | None  # the riskiest that was closed as true

    def phase(self, chapter: Chapter) -> Phase | None:
        """The phase that begins with *chapter*, if it came to that."""
        return next((one for one in self.phases if one.chapter is chapter), None)

    def day_of(self, at: datetime) -> int:
        """The day that *at* lies in."""
        return (at - self.start).days
