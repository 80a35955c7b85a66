"""The winner's judged days cut apart: by week, by source, by entity. A pooled figure hides much.

All cuts use the thresholds that the evaluation used, fixed on days before the judged ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.dataset import Dataset, day_of
from scoreback.models.evaluation import Replay
from scoreback.models.labels import UNKNOWN
from scoreback.models.ranking import mean_average_precision
from scoreback.models.splits import Origin
from scoreback.suppression import DAY_US, Suppression

WEEK_US = 7 * DAY_US
MOST_SOURCES = 50  # the largest; more are no table that anybody reads
MOST_ENTITIES = 10  # those with most alerts


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One week, source or entity on the judged days."""

    name: str  # of a week: its first day
    units: int
    positives: int
    alerts: int
    true_alerts: int
    average_precision: float | None  # None without a positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """The judged days, cut three ways."""

    weeks: tuple[Cut, ...]  # from the first judged day on, in order
    sources: tuple[Cut, ...]  # values of `split.hold_out`, most units first; none without one
    entities: tuple[Cut, ...]  # those with most alerts

    @property
    def area_under_time(self) -> float | None:
        """Mean height of average precision over weeks, by trapezoids.

        AUT of Pendlebury et al., "TESSERACT" (USENIX Security 2019). A single week is itself.
        """
        found = [w.average_precision for w in self.weeks if w.average_precision is not None]
        if len(found) < 2:
            return found[0] if found else None
        return float(np.trapezoid(found) / (len(found) - 1))

    @property
    def macro_average_precision(self) -> float | None:
        """Mean over sources, each weighing the same."""
        found = self._of_sources()
        return float(np.mean(found)) if found else None

    @property
    def worst_average_precision(self) -> float | None:
        """Of the source that the model fails most."""
        return min(self._of_sources(), default=None)

    def _of_sources(self) -> list[float]:
        found = [source.average_precision for source in self.sources]
        return [precision for precision in found if precision is not None]


def breakdown(
    data: Dataset,
    origins: Sequence[Origin],
    replays: Sequence[Replay],
    thresholds: Sequence[float],
    rule: Suppression,
) -> Breakdown:
    """Cut the judged days of *replays*, one for each of *origins*, each with its threshold."""
    shown = []
    for replay, threshold in zip(replays, thresholds, strict=True):
        opened = np.zeros(len(replay.truth), dtype=bool)
        opened[replay.after.alerts(threshold, rule)] = True
        shown.append(opened)
    judged = _Judged(
        truth=np.concatenate([r.truth for r in replays]),
        scores=np.concatenate([r.after.scores for r in replays]),
        shown=np.concatenate(shown),
        replay=np.repeat(np.arange(len(replays)), [len(r.truth) for r in replays]),
    )
    times = np.concatenate([r.after.times for r in replays])
    entities = np.concatenate([data.entities[origin.judged] for origin in origins])
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
    )


def _sources(data: Dataset, origins: Sequence[Origin], judged: "_Judged") -> tuple[Cut, ...]:
    if data.hold_out is None:
        return ()
    held = pa.concat_arrays([data.hold_out.filter(pa.array(origin.judged)) for origin in origins])
    coded = held.dictionary_encode()
    code = pc.fill_null(coded.indices, -1).to_numpy()
    cuts = judged.cuts(code, coded.dictionary.to_pylist())
    return tuple(sorted(cuts, key=lambda cut: (-cut.units, cut.name))[:MOST_SOURCES])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """All judged units; scores of different replays are never ranked together."""

    truth: NDArray[np.int8]
    scores: NDArray[np.float64]
    shown: NDArray[np.bool_]
    replay: NDArray[np.int64]

    def cuts(self, code: NDArray[np.int64], names: Sequence[object]) -> list[Cut]:
        return [self.cut(str(name), code == i) for i, name in enumerate(names)]

    def cut(self, name: str, rows: NDArray[np.bool_]) -> Cut:
        positive = self.truth == 1
        return Cut(
            name=name,
            units=int(rows.sum()),
            positives=int((rows & positive).sum()),
            alerts=int((rows & self.shown).sum()),
            true_alerts=int((rows & self.shown & positive).sum()),
            average_precision=self._average_precision(rows & (self.truth != UNKNOWN)),
        )

    def _average_precision(self, rows: NDArray[np.bool_]) -> float | None:
        parts = (rows & (self.replay == replay) for replay in np.unique(self.replay[rows]))
        return mean_average_precision((self.truth[mine], self.scores[mine]) for mine in parts)
