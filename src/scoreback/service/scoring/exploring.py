"""Chooses units to show that only a shadow would show, within a part of the budget.

A shadow's own pacer says which alerts it would open with the whole budget. From those that the
champion does not show, `scoreback.models.judging.explore_sample` draws. What a day has shown is
stored with each step, so that its part holds whatever is killed or cut.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.explore_sample import Spared, candidates_of
from scoreback.models.judging.openings import Opening
from scoreback.models.judging.pacing import TRAILING_DAYS, Pace
from scoreback.models.judging.past import Units
from scoreback.service.in_force.explored_part import part_of
from scoreback.service.scoring.pacing import Paced
from scoreback.service.state.database import Database
from scoreback.service.state.explored import Candidate, lately
from scoreback.service.state.pacing_log import PacedStep
from scoreback.suppression import DAY_US
from scoreback.times import micros, moment, span

_LOOK_BACK = timedelta(days=TRAILING_DAYS + 4)  # whole days before one in progress


class Exploring:
    """Draws for one detector from what only its shadows would show."""

    def __init__(self, database: Database, detector: Detector, shadows: Sequence[str]) -> None:
        """Continue from what the state has stored.

        Args:
            database: the database of the state.
            detector: the detector as it is in force.
            shadows: versions that score beside the champion, oldest first.
        """
        self._live: list[Opening] = []
        self._start = detector.alerts.day_starts
        self._days = self._by_day(lately(database, detector.name, _LOOK_BACK))
        self.follow(detector, shadows)

    def follow(self, detector: Detector, shadows: Sequence[str]) -> None:
        """Draw as *detector* says from now on, from what these *shadows* say."""
        self._part, self._shadows = part_of(detector, len(shadows)), shadows
        if detector.alerts.day_starts != self._start:
            self._start = detector.alerts.day_starts
            self._days = self._by_day(one for day in self._days.values() for one in day)

    @property
    def spared(self) -> Spared | None:
        """The part of each day's budget that the champion's threshold leaves."""
        if self._part is not None:
            return Spared(self._part)
        shown = {day: sum(one.shown for one in found) for day, found in self._days.items()}
        by_day = tuple(sorted((day, count) for day, count in shown.items() if count))
        return Spared(shown=by_day) if by_day else None

    def remember(self, opened: Iterable[Opening]) -> None:
        """Count what the champion, or an earlier one, has *opened* lately."""
        self._live = sorted([*self._live, *opened])

    def draw(
        self, ids: pa.ChunkedArray, champion: Paced, shadows: Sequence[Paced], pace: Pace
    ) -> list[PacedStep]:
        """Draw from the *shadows*; return their steps, with what of them is shown.

        Args:
            ids: ids of the units, in their order.
            champion: the champion's judgement; what it audits is not shown twice.
            shadows: the judgement of each shadow, in the order of versions.
            pace: the pace of the whole budget.
        """
        own = champion.step
        self.remember(_opened(champion.units, own.judged.opens))
        if self._part is None or not shadows:
            return [one.step for one in shadows]
        seen = own.judged.alerts | own.judged.suppressed
        seen[own.audited] = True
        drawn: dict[str, list[tuple[int, Candidate]]] = {one.step.version: [] for one in shadows}
        opens = np.stack([one.step.judged.opens for one in shadows])
        first = opens.argmax(axis=0)  # if several shadows would open it, the oldest is named
        any_opens: NDArray[np.bool_] = np.asarray(opens.any(axis=0))
        for place in candidates_of(any_opens, seen, champion.units.times, ids).tolist():
            shadow = shadows[int(first[place])]
            found = self._candidate(ids[place].as_py(), shadow, place, pace)
            if found is not None:
                drawn[found.version].append((place, found))
        return [_with(one.step, drawn[one.step.version]) for one in shadows]

    def _candidate(self, event_id: str, shadow: Paced, place: int, pace: Pace) -> Candidate | None:
        """The unit at *place*, shown or not; None if its entity was shown often enough."""
        units, part = shadow.units, self._part
        at, event, entity = (
            int(units.times[place]), int(units.event_times[place]), int(units.entities[place]),
        )  # fmt: skip
        known = any(one.event_id == event_id for day in self._days.values() for one in day)
        if part is None or known or self._is_held_back(at, event, entity, pace):
            return None
        day = self._day(at)
        today = self._days.setdefault(day, [])
        expected, number = self._expected(day, pace), len(today)
        shown = sum(one.shown for one in today)
        live = sum(day <= one.counted <= at for one in self._live)
        room = shown < part.on(day) and live + shown < pace.ceiling
        candidate = Candidate(
            event_id=event_id,
            version=shadow.step.version,
            counted_at=moment(at),
            event_time=moment(event),
            entity=entity,
            score=float(units.scores[place]),
            chance=part.chance(number, expected),
            shown=room and part.takes(number, day, expected),
        )
        today.append(candidate)
        self._forget(day)
        return candidate

    def _is_held_back(self, at: int, event: int, entity: int, pace: Pace) -> bool:
        """Whether cap or throttle, after earlier alerts, keep its entity from another one."""
        if entity < 0:
            return False
        before = [
            one.event_time
            for one in self._live[: bisect_right(self._live, at, key=lambda one: one.counted)]
            if one.entity == entity and one.event_time // DAY_US == event // DAY_US
        ]
        before += [
            micros(one.event_time)
            for day in self._days.values()
            for one in day
            if one.shown and one.entity == entity
            and micros(one.event_time) // DAY_US == event // DAY_US
        ]  # fmt: skip
        near = any(abs(event - other) < span(pace.rule.throttle) for other in before)
        return near or len(before) >= pace.rule.per_entity

    def _expected(self, day: int, pace: Pace) -> int:
        """How many candidates *day* may have: as many as the busiest whole day before it.

        The shadows' first day is not whole. Before there is a whole day: as many as they may open.
        """
        counts = {
            before: sum(one.version in self._shadows for one in found)
            for before, found in self._days.items()
            if before < day
        }
        whole = sorted(before for before, count in counts.items() if count)[1:][-TRAILING_DAYS:]
        return max((counts[before] for before in whole), default=pace.whole_budget)

    def _forget(self, day: int) -> None:
        """Forget what no day from *day* on looks back to: a catch-up may take years."""
        first = day - span(_LOOK_BACK)
        if min(self._days) < first:
            self._days = {since: found for since, found in self._days.items() if since >= first}
            self._live = [one for one in self._live if one.counted >= first]

    def _by_day(self, candidates: Iterable[Candidate]) -> dict[int, list[Candidate]]:
        found: dict[int, list[Candidate]] = {}
        for one in candidates:
            found.setdefault(self._day(micros(one.counted_at)), []).append(one)
        return found

    def _day(self, at: int) -> int:
        return self._start.between(at, at + 1)[0]


def _opened(units: Units, opens: NDArray[np.bool_]) -> list[Opening]:
    places = np.flatnonzero(opens)
    columns = (units.times[places], units.event_times[places], units.entities[places])
    return [Opening(*row) for row in zip(*(one.tolist() for one in columns), strict=True)]


def _with(step: PacedStep, drawn: Sequence[tuple[int, Candidate]]) -> PacedStep:
    shown = [place for place, one in drawn if one.shown]
    return replace(
        step,
        explored=np.array(shown, dtype=np.int64),
        candidates=tuple(one for _, one in drawn),
    )
