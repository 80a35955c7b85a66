"""Events that were read and are not scored yet, as their detector's `lag` has not passed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow.compute as pc

from scoreback.errors import StateError
from scoreback.models.detector.spec import Detector
from scoreback.models.features.online import waiting_events
from scoreback.models.features.online_units import open_from
from scoreback.service.app import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many events wait, and until when."""

    count: int
    oldest: datetime  # event time
    scored_from: datetime  # a run at this time, or later, scores the oldest

    def in_words(self, detector: str, lag: timedelta) -> str:
        """A sentence about them."""
        return (
            f"{self.count:,} {'event' if self.count == 1 else 'events'} of {detector} waiting, the"
            f" oldest of {self.oldest:%Y-%m-%d %H:%M:%S} UTC: each is scored once its `lag` of"
            f" {lag} has passed, the first from {self.scored_from:%Y-%m-%d %H:%M:%S} UTC on"
        )


def waiting(app: App, detector: Detector) -> Waiting | None:
    """What waits for *detector*; None if nothing does, or if it scores units of events.

    The answer may be a moment old: nothing is locked.
    """
    last = app.state.latest_progress(detector.name)
    if last is None or last.pending is None or open_from(last.pending) is not None:
        return None
    folder = app.windows_folder(detector.name) / last.plan_hash
    try:
        times = waiting_events(folder, last.pending)["event_time"]
    except StateError:  # another run has gone on meanwhile; the next run reports damage
        return None
    oldest = pc.min(times).as_py()
    if oldest is None:
        return None
    return Waiting(count=len(times), oldest=oldest, scored_from=oldest + detector.lag + app.settle)
