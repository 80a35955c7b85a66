"""Whether a detector's alerts are paused, by whom and why: by a setting, or by its file."""

from dataclasses import dataclass
from datetime import datetime

from scoreback.service.in_force.detector import InForce

KEY = "enabled"  # the key of the file that a pause overrides


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Why a detector raises no alerts."""

    by: str = ""  # empty: its file says so
    since: datetime | None = None
    reason: str = ""

    @property
    def in_words(self) -> str:
        """The reason as a sentence without a full stop."""
        if self.since is None:
            return "its file switches it off: it raises no alerts"
        why = f": {self.reason}" if self.reason else ""
        return f"alerts are paused by {self.by} since {self.since:%Y-%m-%d %H:%M} UTC{why}"


def paused(now: InForce) -> Paused | None:
    """Why the detector in force raises no alerts; None: it raises them."""
    if now.detector.enabled:
        return None
    for one in now.overrides:
        if one.key == KEY:
            return Paused(by=one.author, since=one.at, reason=one.reason)
    return Paused()
