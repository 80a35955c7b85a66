"""Chooses where to cut a history in time so that both sides get their share of rows and positives.

A share of time is not a share of what can be learnt: if labels are recent, the last third of the
time may hold nearly all positives. So each place is rated by its worst ratio of actual to fair
share, over both sides and over rows and positives.

Rows count by cases (`cases_of`): a scan of a hundred thousand events is one incident.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.cases import cases_of
from scoreback.models.labels.dataset import Dataset, Known, Mask
from scoreback.suppression import DAY_US
from scoreback.times import span

_FAIRER = 2.0  # times a better worst ratio justifies a cut within a day
_PLACES = 200  # tried cuts within a day, at rows and at positives each
_Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """Times of labelled cases, and of the positives among them; microseconds, ascending.

    A row is *learnable* from the moment when it had arrived, was mature and had its label.
    """

    times: _Times
    learnable: _Times
    positive_times: _Times
    positive_learnable: _Times

    @classmethod
    def of(cls, data: Dataset, known: Known, among: Mask, learnable: _Times | None = None) -> Self:
        """The cases of *among*; without *learnable*, each label is taken to arrive with its row."""
        known_from = data.times if learnable is None else learnable
        rows = np.flatnonzero(among)
        numbers = cases_of(data.times[rows], data.entities[rows], known.truth[rows])
        cases = rows[np.unique(numbers, return_index=True)[1]]  # the first row of each
        positive = cases[known.truth[cases] == 1]
        return cls(
            times=np.sort(data.times[cases]),
            learnable=np.sort(known_from[cases]),
            positive_times=np.sort(data.times[positive]),
            positive_learnable=np.sort(known_from[positive]),
        )


def learnable_from(data: Dataset, labels: pa.Table, detector: Detector) -> _Times:
    """The moment from which a training could have learnt from each row of *data*.

    A label that was withdrawn and given again counts from its first time: this only places cuts and
    does not decide what was known.
    """
    first = labels.group_by("event_id").aggregate([("label_time", "min")])
    at = pc.index_in(data.event_ids, value_set=flat(first["event_id"]))
    given = flat(first["label_time_min"]).cast(pa.int64()).to_numpy()
    known = np.append(given, np.int64(0))[pc.fill_null(at, len(given)).to_numpy()]
    mature = data.times + span(detector.labels.mature_after)
    return np.asarray(np.maximum(np.maximum(mature, data.arrivals), known), dtype=np.int64)


def fair_cut(
    rows: Labelled,
    since: int,
    until: int,
    share: float,
    *,
    midnight: bool,
    least: tuple[int, int] = (1, 1),
) -> int | None:
    """Where in ``(since, until)`` to cut so that the later side holds *share* of *rows*.

    Args:
        rows: the rows to divide.
        since: microseconds.
        until: microseconds.
        share: the later side's share.
        midnight: cut between two days, UTC, unless a cut within a day is `_FAIRER`.
        least: positives that the earlier and the later side need.

    Returns:
        Microseconds; None if every place leaves a side with too few positives or without rows.
    """
    first, last = -(-(since + 1) // DAY_US), (until - 1) // DAY_US
    midnights = np.arange(first, last + 1, dtype=np.int64) * DAY_US
    times = np.concatenate([_some(rows.times), _some(rows.positive_times)])
    within = np.unique(times[(times > since) & (times < until)])
    whole, between = _worst_off(rows, midnights, share, least), 0.0
    if midnight and len(whole):
        between = float(whole.max())
    any_time = _worst_off(rows, within, share, least)
    if between > 0 and not (len(any_time) and any_time.max() > _FAIRER * between):
        return int(midnights[whole.argmax()])
    if len(any_time) and any_time.max() > 0:
        return int(within[any_time.argmax()])
    return None


def _worst_off(
    rows: Labelled, places: _Times, share: float, least: tuple[int, int]
) -> NDArray[np.float64]:
    """The worst ratio of actual to fair share for each of *places*; 0 if a side has too little.

    Shape (places,).
    """
    worst = np.full(len(places), np.inf)
    kinds = (
        (rows.learnable, rows.times, (1, 1)),
        (rows.positive_learnable, rows.positive_times, least),
    )
    for learnable, times, needed in kinds:
        before = np.searchsorted(learnable, places, side="left")
        after = len(times) - np.searchsorted(times, places, side="left")
        sides = zip((before, after), (1 - share, share), needed, strict=True)
        for held, fair, enough in sides:
            worst = np.minimum(worst, held / (fair * max(len(times), 1)))
            worst[held < enough] = 0.0
    return worst


def _some(times: _Times) -> _Times:
    """About `_PLACES` of *times*, evenly spaced by count."""
    return times[:: max(len(times) // _PLACES, 1)]
