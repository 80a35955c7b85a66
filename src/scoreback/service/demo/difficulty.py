"""What makes real data hard, each as a named parameter."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """How hard the simulated company makes it; shares lie within 0..1, days count from 0."""

    attack_rate: float = 1.0  # multiplies every attack's rate; 1 gives 1-3 % positives
    late_share: float = 0.05  # events that arrive far later than any sensible lag
    late_minutes: tuple[float, float] = (10.0, 120.0)
    null_share: float = 0.01  # of each field that an event may lack
    empty_share: float = 0.003  # the same, but present and empty
    blur: float = 0.07  # share of every field spread over all its values: no value tells alone
    weekend_share: float = 0.5  # office work on a Saturday or Sunday, against a weekday
    drift_day: int = 28  # from here on new, noisy software looks like known attacks
    drift_rate: float = 1.0  # multiplies what that software does
    new_attack_day: int = 26  # from here on an attack that nobody has seen before
    wrong_share: float = 0.03  # of verdicts
    undetermined_share: float = 0.04  # of verdicts: closed without a finding
    closed_share: float = 0.85  # of what is shown; nobody gets to the rest
    hunted_share: float = 0.6  # endpoint attacks that incident response finds by other means
    verdict_hours: float = 6.0  # median from shown to closed
    verdict_spread: float = (
        1.1  # of its logarithm: one in twenty takes longer than a day and a half
    )
    watch_days: float = 4.0  # a flaw not exploited for so long counts as not exploited
    unwatched_share: float = 0.05  # findings whose machine is gone before anybody could know

    def __post_init__(self) -> None:
        """Refuse shares and sizes that mean nothing."""
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name.endswith("_share") and not 0.0 <= value <= 1.0:
                raise ValueError(f"{item.name} is {value}, not within 0..1")
        if not 0.0 < self.blur <= 1.0:
            raise ValueError(f"blur is {self.blur}, not within 0..1 or zero")
        if not 0.0 <= self.late_minutes[0] <= self.late_minutes[1]:
            raise ValueError(f"late_minutes is {self.late_minutes}, not two times in order")
