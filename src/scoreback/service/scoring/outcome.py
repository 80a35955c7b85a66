"""The result of one scoring run of one detector."""

from dataclasses import dataclass, field

from scoreback.models.features.online import Step
from scoreback.models.judging.home import Home
from scoreback.service.scoring.publish import Published


@dataclass(slots=True)
class ScoreOutcome:
    """What one run did; a batch counts once it is published."""

    read: int = 0
    scored: int = 0
    late: int = 0
    ungrouped: int = 0
    alerts: int = 0
    suppressed: int = 0  # over the threshold, but held back as they join an alert
    opened: int = 0  # alerts, if the SIEM's rules do what they are told
    over_budget: int = 0  # over the threshold, on a day that had opened all it may
    explored: int = 0  # shown because a shadow alone would show them
    published: list[Published] = field(default_factory=list)
    resolved: int = 0  # batches that an earlier run left in doubt
    waiting: int = 0  # batches that readers do not see yet
    uncast: dict[str, int] = field(default_factory=dict)
    # By version: what was scored lately beside what was learnt from, where that is enough.
    homes: dict[str, Home] = field(default_factory=dict)
    error: Exception | None = None  # what ended it early; what was published before stands

    @property
    def joined(self) -> int:
        """Hits without an alert of their own: held back by the cap, the throttle, or a pause."""
        return self.alerts + self.suppressed - self.opened

    @property
    def not_at_home(self) -> dict[str, tuple[str, ...]]:
        """Versions that score events unlike all that they learnt from, and why."""
        return {version: home.reasons for version, home in self.homes.items() if home.reasons}

    def add(
        self,
        step: Step,
        alerts: int,
        published: Published,
        suppressed: int = 0,
        *,
        opened: int = 0,
        over_budget: int = 0,
        explored: int = 0,
    ) -> None:
        """Count *step*, whose *alerts*, *suppressed* hits and other scores are *published*."""
        self.opened += opened
        self.over_budget += over_budget
        self.explored += explored
        self.published.append(published)
        self.alerts += alerts
        self.suppressed += suppressed
        self.scored += step.rows.num_rows
        self.late += step.late
        self.ungrouped += step.ungrouped
        for name, count in step.uncast.items():
            self.uncast[name] = self.uncast.get(name, 0) + count
