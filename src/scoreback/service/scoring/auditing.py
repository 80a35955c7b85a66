"""Draws the units of a step that people are asked to look at, though they raise no alert."""

from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.audit_sample import (
    audited,
    chances,
    expected_strata,
    strata_of,
    stratum_edges,
)
from scoreback.models.judging.judged import Judged
from scoreback.models.judging.past import Units
from scoreback.sampling import draws
from scoreback.service.state.audits import Audited, audits_since
from scoreback.service.state.database import Database
from scoreback.times import micros, moment

_SALT = "audit"
_LONGEST_DAY = timedelta(days=3)  # a day in progress began less than that before


class Auditing:
    """Draws audits for the version of one detector that raises alerts.

    What a day has drawn is stored with each step, whatever the version, so that its cap holds.
    """

    def __init__(self, database: Database, detector: Detector, artifact: Artifact) -> None:
        """Draw from what the model of *artifact* scores, as *detector* asks."""
        self._database, self._name = database, detector.name
        self._edges = stratum_edges(artifact.bins)
        self._shares, self._believed = expected_strata(artifact.bins, self._edges)
        self._times: list[int] | None = None  # times of the units drawn lately
        self.follow(detector)

    def follow(self, detector: Detector) -> None:
        """From now on, draw as many as *detector* asks for."""
        self._cap = int(detector.alerts.audit or 0) if detector.enabled else 0

    def draw(
        self, ids: pa.ChunkedArray, units: Units, judged: Judged
    ) -> tuple[NDArray[np.int64], tuple[Audited, ...]]:
        """Draw the units to audit in a step, from those that raise no alert and join none.

        Args:
            ids: ids of the units, in their order.
            units: the units that were judged.
            judged: the judgement of each.

        Returns:
            Their row numbers, ascending, and what is stored about each.
        """
        quiet = np.flatnonzero(~judged.alerts & ~judged.suppressed) if self._cap else np.zeros(0)
        if not len(quiet):
            return np.zeros(0, dtype=np.int64), ()
        quiet = quiet.astype(np.int64)
        times, stratum = units.times[quiet], strata_of(units.scores[quiet], self._edges)
        drawn = draws(ids.take(pa.array(quiet)), _SALT)
        chance = np.zeros(len(quiet))
        taken = np.zeros(len(quiet), dtype=bool)
        for day in judged.days:
            today = np.flatnonzero((times >= day.since) & (times < day.until))
            chance[today] = chances(day.units * self._shares, self._believed, self._cap)[
                stratum[today]
            ]
            room = self._cap - self._drawn_within(day.since, day.until, int(times.min()))
            taken[today] = audited(times[today], drawn[today], chance[today], room)
            self._remember(times[today][taken[today]].tolist())
        places = quiet[taken]
        names = ids.take(pa.array(places)).to_pylist()
        told = zip(names, times[taken].tolist(), units.scores[places], chance[taken], strict=True)
        return places, tuple(
            Audited(event_id=name, counted_at=moment(at), score=float(score), chance=float(share))
            for name, at, score, share in told
        )

    def _drawn_within(self, since: int, until: int, first: int) -> int:
        if self._times is None:
            begun = audits_since(self._database, self._name, moment(first) - _LONGEST_DAY)
            self._times = [micros(one.counted_at) for one in begun]
        return sum(since <= at < until for at in self._times)

    def _remember(self, times: list[int]) -> None:
        if self._times is not None:
            self._times.extend(times)
