"""The winner's figures on the judged days by week, source and entity; a pooled figure hides much.

All of them count the alerts that the evaluation counts: the best units of each judged block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.judging.equal_volume import Shown
from scoreback.models.judging.evaluation import Replay
from scoreback.models.judging.intervals import drawn_interval, precision_interval
from scoreback.models.judging.over_time import area_under_time
from scoreback.models.labels.dataset import Dataset, day_of
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.ranking import mean_average_precision
from scoreback.models.training.splits import Origin
from scoreback.suppression import DAY_US

WEEK_US = 7 * DAY_US
MOST_SOURCES = 50  # the largest ones; nobody reads a longer table
MOST_ENTITIES = 10  # those with the most alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One week, source or entity on the judged days."""

    name: str  # a week has the name of its first day
    units: int
    positives: int
    alerts: int
    true_alerts: int
    average_precision: float | None  # None without a positive
    precision_low: float | None = None  # None without alerts
    precision_high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """All entities of the judged days, with equal weights."""

    alerted: int
    mean_precision: float | None  # over entities with an alert
    worst: str  # the entity with the most alerts that were not true; "" if all were true
    worst_false_alerts: int
    worst_others: int = 0  # how many other entities have as many
    attacked: int
    found: int  # attacked entities with a true alert


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Figures of the judged days by week, source and entity."""

    weeks: tuple[Cut, ...]  # in order, from the first judged day on
    sources: tuple[Cut, ...]  # values of `split.hold_out`, most units first; empty without one
    entities: tuple[Cut, ...]  # those with the most alerts
    all_entities: Entities

    @property
    def area_under_time(self) -> float | None:
        """Mean height of average precision over weeks, by trapezoids; see `area_under_time`."""
        return area_under_time(week.average_precision for week in self.weeks)

    @property
    def macro_average_precision(self) -> float | None:
        """Mean over sources, with equal weights."""
        found = self._of_sources()
        return float(np.mean(found)) if found else None

    @property
    def worst_average_precision(self) -> float | None:
        """Average precision on the source where it is lowest."""
        return min(self._of_sources(), default=None)

    def _of_sources(self) -> list[float]:
        found = [source.average_precision for source in self.sources]
        return [precision for precision in found if precision is not None]


def breakdown(
    data: Dataset,
    origins: Sequence[Origin],
    replays: Sequence[Replay],
    best: Sequence[Shown],
    seed: int,
) -> Breakdown:
    """Break down *replays* and the *best* units that each shows; one of both for each origin."""
    shown = []
    for replay, of_it in zip(replays, best, strict=True):
        opened = np.zeros(len(replay.truth), dtype=bool)
        opened[of_it.opened] = True
        shown.append(opened)
    entities = np.concatenate([data.entities[origin.judged] for origin in origins])
    times = np.concatenate([r.after.times for r in replays])
    judged = _Judged(
        seed=seed,
        days=times // DAY_US,
        entities=entities,
        truth=np.concatenate([r.truth for r in replays]),
        scores=np.concatenate([r.after.scores for r in replays]),
        shown=np.concatenate(shown),
        replay=np.repeat(np.arange(len(replays)), [len(r.truth) for r in replays]),
    )
    first = times.min() // DAY_US * DAY_US
    week = (times - first) // WEEK_US
    weeks = judged.cuts(week, [day_of(int(first + w * WEEK_US)) for w in range(week.max() + 1)])
    names = data.entity_names.to_pylist()
    alerts = np.bincount(entities[judged.shown & (entities >= 0)], minlength=len(names))
    top = [int(i) for i in np.argsort(-alerts, kind="stable")[:MOST_ENTITIES] if alerts[i]]
    return Breakdown(
        weeks=tuple(cut for cut in weeks if cut.units),
        sources=_sources(data, origins, judged),
        entities=tuple(judged.cut(str(names[i]), entities == i) for i in top),
        all_entities=_all_entities(judged, names),
    )


def _sources(data: Dataset, origins: Sequence[Origin], judged: "_Judged") -> tuple[Cut, ...]:
    if data.hold_out is None:
        return ()
    held = pa.concat_arrays([data.hold_out.filter(pa.array(origin.judged)) for origin in origins])
    coded = held.dictionary_encode()
    code = pc.fill_null(coded.indices, -1).to_numpy()
    cuts = judged.cuts(code, coded.dictionary.to_pylist())
    return tuple(sorted(cuts, key=lambda cut: (-cut.units, cut.name))[:MOST_SOURCES])


def _all_entities(judged: "_Judged", names: Sequence[object]) -> Entities:
    known = judged.entities >= 0
    positive = judged.truth == 1

    def count(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(judged.entities[known & rows], minlength=len(names))

    alerts, true, attacked = (
        count(rows) for rows in (judged.shown, judged.shown & positive, positive)
    )
    alerted, wrong = alerts > 0, alerts - true
    worst = int(wrong.argmax()) if len(wrong) and wrong.max() else -1
    return Entities(
        alerted=int(alerted.sum()),
        mean_precision=float((true[alerted] / alerts[alerted]).mean()) if alerted.any() else None,
        worst=str(names[worst]) if worst >= 0 else "",
        worst_false_alerts=int(wrong[worst]) if worst >= 0 else 0,
        worst_others=int((wrong == wrong[worst]).sum()) - 1 if worst >= 0 else 0,
        attacked=int((attacked > 0).sum()),
        found=int((true[attacked > 0] > 0).sum()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """All judged units; scores of different replays are never ranked together."""

    truth: NDArray[np.int8]
    scores: NDArray[np.float64]
    shown: NDArray[np.bool_]
    replay: NDArray[np.int64]
    days: NDArray[np.int64]
    entities: NDArray[np.int64]
    seed: int

    def cuts(self, code: NDArray[np.int64], names: Sequence[object]) -> list[Cut]:
        return [self.cut(str(name), code == i) for i, name in enumerate(names)]

    def cut(self, name: str, rows: NDArray[np.bool_]) -> Cut:
        positive = self.truth == 1
        alerts = rows & self.shown
        low, high = self._interval(alerts)
        return Cut(
            name=name,
            units=int(rows.sum()),
            positives=int((rows & positive).sum()),
            alerts=int(alerts.sum()),
            true_alerts=int((alerts & positive).sum()),
            average_precision=self._average_precision(rows & (self.truth != UNKNOWN)),
            precision_low=low,
            precision_high=high,
        )

    def _average_precision(self, rows: NDArray[np.bool_]) -> float | None:
        parts = (rows & (self.replay == replay) for replay in np.unique(self.replay[rows]))
        return mean_average_precision((self.truth[mine], self.scores[mine]) for mine in parts)

    def _interval(self, alerts: NDArray[np.bool_]) -> tuple[float | None, float | None]:
        truth = self.truth[alerts] == 1
        drawn = drawn_interval(truth, self.days[alerts], self.entities[alerts], self.seed)
        return precision_interval(truth, drawn)
