"""What makes real data hard, as named parameters."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """How hard the simulated company's data is; shares are within 0..1, days count from 0."""

    attack_rate: float = 1.0  # multiplies the rate of every attack; 1 gives 1-3 % positives
    late_share: float = 0.05  # share of events that arrive far later than any sensible lag
    late_minutes: tuple[float, float] = (10.0, 120.0)
    null_share: float = 0.01  # share of values missing, for each field that may be missing
    empty_share: float = 0.003  # share of values that are present but empty
    blur: float = (
        0.07  # share of each field drawn uniformly from all its values, so no value alone tells
    )
    weekend_share: float = 0.5  # office work on a Saturday or Sunday, as a share of a weekday
    drift_day: int = 28  # from this day on, new noisy software looks like known attacks
    drift_rate: float = 1.0  # multiplies that software's activity
    new_attack_day: int = 26  # from this day on, an attack that nobody has seen before
    wrong_share: float = 0.03  # of verdicts
    undetermined_share: float = 0.04  # of verdicts: closed without a finding
    closed_share: float = 0.85  # of the alerts shown; nobody gets to the rest
    hunted_share: float = 0.6  # endpoint attacks that incident response finds by other means
    verdict_hours: float = 6.0  # median from shown to closed
    verdict_spread: float = (
        1.1  # standard deviation of the logarithm: one in twenty takes over a day and a half
    )
    watch_days: float = 4.0  # a flaw not exploited within this time counts as not exploited
    unwatched_share: float = 0.05  # findings on machines that are gone before the outcome is known

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith("_share") and not 0.0 <= value <= 1.0:
                raise ValueError(f"{item.name} must be within 0..1, not {value}")
        if not 0.0 < self.blur <= 1.0:
            raise ValueError(f"blur must be above 0 and at most 1, not {self.blur}")
        if not 0.0 <= self.late_minutes[0] <= self.late_minutes[1]:
            raise ValueError(f"late_minutes must be two times in order, not {self.late_minutes}")
