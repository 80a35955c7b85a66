"""What happened to one detector in the demo: its days, phases and events."""

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
    """The days before which each thing happens, in the evening; days count from 0."""

    first_training: int = 18
    second_training: int = 29
    end: int = 40
    # True: the second version scores in shadow until the gate decides, and somebody makes a
    # mistake. False: the second version is promoted by hand at once, and nothing more happens.
    gate: bool = True
    mistake: int = 36
    learnt_until: int = 10  # the version promoted by mistake learnt from the days before this one
    taken_back: int = 38
    noticed: timedelta = timedelta(hours=4)  # into that day


WHOLE = Calendar()
SHORT = Calendar(second_training=33, gate=False)
# From the fifth live day on, the company runs new software and meets a new kind of attack. The
# change is larger than the simulation's default, so that it shows within forty days.
CHANGING = Difficulty(drift_day=22, drift_rate=4.0, new_attack_day=22)


class Chapter(StrEnum):
    """What a phase begins with."""

    LEARNING = "learning"
    FIRST = "first"  # a version is promoted by hand, as none scored
    CHANGE = "change"  # in the company's software, and in what attacks it
    SHADOW = "shadow"  # the second version scores beside the first
    SECOND = "second"  # the second version replaces the first
    MISTAKE = "mistake"  # a bad version is promoted by hand
    BACK = "back"  # the bad version is rolled back


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Consecutive days of one chapter."""

    chapter: Chapter
    since: int
    until: int  # not included
    version: str | None  # the version that raises alerts; None while none does
    judged: Judged | None  # None while no version raises alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCount:
    """The alerts of one day, judged by the truth."""

    day: int
    alerts: int
    true_alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSeen:
    """The first health check that reported drift."""

    day: int
    why: str
    psi: float | None  # of the scores
    usual_psi: float | None  # the highest within training


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenBack:
    """A bad version and its rollback."""

    bad: TrainOutcome
    done: RolledBack
    rules: tuple[
        str | None, str | None
    ]  # the version in the SIEM rule's condition before and after


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
    gate: tuple[GateVerdict, ...]  # its verdicts, one per day
    stayed: Judged | None  # how the first version would have done in the second's first phase
    refused: str | None  # why training refused the bad version, if it did
    taken_back: TakenBack | None
    closed: int  # alerts that analysts closed
    example: Alert | None  # the riskiest that was closed as true

    def phase(self, chapter: Chapter) -> Phase | None:
        """The phase that begins with *chapter*, if there was one."""
        return next((one for one in self.phases if one.chapter is chapter), None)

    def day_of(self, at: datetime) -> int:
        """The number of the day that contains *at*."""
        return (at - self.start).days
