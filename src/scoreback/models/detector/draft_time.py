"""What a draft takes from a sample's times: how far back to learn, and when labels are known.

An export is often old. Then the history has to reach from now back into it, as nothing in the
detector file says what day it is.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.detector.quantities import LONGEST
from scoreback.models.detector.tells import Truth
from scoreback.suppression import DAY_US
from scoreback.times import micros, moment

_HISTORY = 90  # days: the default of `train.history`
_ENOUGH = 100  # positives that the history should have
_LONG = 28.0  # days; a shorter history cannot do without a week of recent events
_OVERS = ((1 / 24, ("1h", "7d")), (1.0, ("1d", "30d")), (7.0, ("7d", "90d")))
_LEAST_ALERTS, _MOST_ALERTS = 5, 20  # a day
_WANTED = 1.0  # mean number of an entity's events within the short window


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The durations of a draft."""

    history: int | None  # days, if the default is not enough
    delay: timedelta
    mature_after: timedelta
    as_of: datetime | None  # if the events are old: when all their labels were known
    days: float | None  # days that the sample spans
    learnt: int  # days before the newest event to learn from
    events: float | None  # for each event of the sample

    @classmethod
    def of(
        cls,
        times: pa.Array | None,
        now: datetime | None,
        truth: Truth | None,
        events: int | None,
    ) -> Self:
        """The durations for *times*, the event times of the sample, as of *now*."""
        if times is None or not len(times):
            return cls(history=None, delay=timedelta(days=1), mature_after=timedelta(days=7),
                       as_of=None, days=None, events=None, learnt=_HISTORY)  # fmt: skip
        at = np.sort(times.cast(pa.int64()).to_numpy(zero_copy_only=False))
        first, last = int(at[0]), int(at[-1])
        days = max((last - first) / DAY_US, 1 / 24)
        long = days >= _LONG
        delay = timedelta(days=1) if long else timedelta(hours=1)
        mature_after = timedelta(days=7) if long else delay
        needed = _HISTORY
        if truth is not None:
            placed = times.cast(pa.int64()).to_numpy(zero_copy_only=False)[truth == 1]
            enough = _ENOUGH * len(at) / max(events or 0, len(at))
            while needed < days and (placed >= last - needed * DAY_US).sum() < enough:
                needed *= 2
        as_of, history = None, needed
        if now is not None:
            known = last + round((delay + mature_after) / timedelta(microseconds=1))
            midnight = -(-known // DAY_US) * DAY_US
            old = (micros(now) - last) / DAY_US
            if micros(now) > midnight and old > _HISTORY / 10:
                as_of = moment(midnight)
                history = math.ceil(min(needed, days) + old) + 1
        history = min(history, LONGEST.days)
        return cls(
            history=None if history == _HISTORY else history,
            delay=delay,
            mature_after=mature_after,
            as_of=as_of,
            days=days,
            learnt=needed,
            events=None if events is None else events / len(at),
        )

    def budget(self, times: pa.Array | None, truth: Truth | None, entity: pa.Array | None) -> int:
        """Alerts a day: the number of entities with positives a day, within limits.

        With a budget far above that, every candidate shows all true alerts, and none can be
        preferred.

        Args:
            times: the event times of the sample.
            truth: the truth of each event.
            entity: the entity of each event; None if each event stands for itself.
        """
        if times is None or truth is None or self.days is None:
            return _MOST_ALERTS
        at = times.cast(pa.int64()).to_numpy(zero_copy_only=False)
        recent = (truth == 1) & (at >= at.max() - self.learnt * DAY_US)
        if entity is None:
            known = recent.sum() * (self.events or 1.0)
        else:
            names = pc.fill_null(entity.dictionary_encode().indices, -1).to_numpy()
            known = len(np.unique(np.stack([names, at // DAY_US])[:, recent], axis=1).T)
        a_day = known / max(min(self.learnt, self.days), 1.0)
        return int(np.clip(round(a_day), _LEAST_ALERTS, _MOST_ALERTS))

    def overs(self, repeats: float) -> tuple[str, str]:
        """A short and a long window for entities with *repeats* events each in the sample."""
        if self.days is None or self.events is None:
            return _OVERS[0][1]
        a_day = repeats * self.events / self.days
        for length, overs in _OVERS:
            if a_day * length >= _WANTED:
                return overs
        return _OVERS[-1][1]
