"""Counts what a run scores in the bins of training, and tells when it is unlike training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.home import Home, compare
from scoreback.models.judging.reference import ENTITY, Reference
from scoreback.multivalue import firsts
from scoreback.records import TimeWindow
from scoreback.service.scoring.plan import Model
from scoreback.service.state.scored_counts import ScoredHour, counts_of, summed
from scoreback.service.state.workspace_state import State

# How far back scored events are compared; the longer span where the shorter has too few.
LOOK_BACK = (timedelta(hours=24), timedelta(days=7))

_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class _Scored:
    reference: Reference
    newest: datetime  # event time


class AtHome:
    """The counts of one run: taken for each step, stored with its batch."""

    def __init__(self, state: State, detector: Detector) -> None:
        """Count for *detector*; earlier counts are in *state*."""
        self._state, self._detector = state, detector
        self._scored: dict[str, _Scored] = {}  # by version

    def count(
        self, models: list[tuple[Model, NDArray[np.float64]]], rows: pa.Table
    ) -> tuple[ScoredHour, ...]:
        """Count a step's *rows* and the scores of each of *models*; nothing is stored yet."""
        step = []
        with_reference = [(m, scores, m.artifact.reference) for m, scores in models]
        for model, scores, reference in with_reference if rows.num_rows else ():
            if reference is None:
                continue
            version = model.version.version
            found = counted(reference, rows, scores, version, entity=self._detector.entity)
            step.append(found)
            self._scored[version] = _Scored(reference, found.newest_event)
        return tuple(step)

    def found(self) -> dict[str, Home]:
        """What versions scored lately beside what they learnt from, if this run scored anything."""
        homes = {
            version: home_of(self._state, self._detector.name, version, one.reference, one.newest)
            for version, one in self._scored.items()
        }
        return {version: home for version, home in homes.items() if home is not None}


def counted(
    reference: Reference, rows: pa.Table, scores: NDArray[np.float64], version: str, *, entity: str
) -> ScoredHour:
    """Feature *rows*, at least one, and their *scores* by *version*, in the bins of *reference*.

    They count for the hour of the newest event; *entity* is the detector's entity field.
    """
    named = rows.append_column(ENTITY, firsts(rows["field:" + entity]))
    newest = pc.max(flat(rows["event_time"])).as_py()
    counts = reference.counted(named, scores, ENTITY)
    return ScoredHour(
        version=version,
        hour=hour_of(newest),
        newest_event=newest,
        counts={name: bins.tolist() for name, bins in counts.items()},
    )


def home_of(
    state: State, detector: str, version: str, reference: Reference, until: datetime
) -> Home | None:
    """What *version* scored in the `LOOK_BACK` before *until*, compared; None if too little."""
    return home_among(lambda window: counts_of(state, detector, version, window), reference, until)


def home_among(
    hours: Callable[[TimeWindow], Sequence[ScoredHour]], reference: Reference, until: datetime
) -> Home | None:
    """As `home_of`; *hours* gives the hours of one version that begin in a window."""
    for span in LOOK_BACK:
        window = TimeWindow(since=hour_of(until) - span, until=until + _HOUR)
        home = compare(reference, summed([one.counts for one in hours(window)]))
        if home is not None:
            return home
    return None


def hour_of(moment: datetime) -> datetime:
    """The beginning of the hour of *moment*."""
    return moment.replace(minute=0, second=0, microsecond=0)
