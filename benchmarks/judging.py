"""Judges what a workspace holds after scoring: stored scores and raised alerts against the truth.

Apart from the product's own evaluation on purpose: this looks only at what an analyst would have
been shown, and at labels that no training could see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.connectors.local import LocalConnector, open_enriched
from scoreback.models.judging.threshold import openings
from scoreback.models.learners.ranking import average_precision
from scoreback.suppression import DAY_US, Suppression

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One network, or one stream, as its analysts would have seen it."""

    name: str
    days: float
    events: int
    positives: int
    alerts: int
    true_alerts: int
    possible_true_alerts: int  # that a perfect score would have opened, under the same cap
    first_day_alerts: int  # before the windows of a new network are full
    incidents: int  # positives of one entity with gaps of less than a day
    incidents_found: int  # that a true alert belongs to
    average_precision: float | None  # none without a positive
    minute_average_precision: float | None  # equal kind, entity and minute count once
    queue_true_alerts: float | None  # in as many, taken from the top of today's queue

    @property
    def precision(self) -> float | None:
        """True alerts among those shown."""
        return self.true_alerts / self.alerts if self.alerts else None

    @property
    def alerts_a_day(self) -> float:
        """Alerts shown a day, quiet days included."""
        return self.alerts / self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Where a stream holds the answer, and what it is told apart by."""

    stream: str
    label: str
    positive: tuple[str, ...]
    entity: str
    group: str | None = None  # judged apart for each of its values, never pooled
    kind: str | None = None  # what makes two alerts of a minute the same
    queue: str | None = None  # the number that analysts sort by today


def judge(
    home: Path, truth: Truth, alerts: Sequence[Mapping[str, object]], rule: Suppression
) -> list[Judged]:
    """What became of every scored event of *truth*'s stream in the workspace *home*."""
    siem = LocalConnector.open("local", {"path": str(home / "siem")})
    names = [n for n in (truth.label, truth.entity, truth.group, truth.kind, truth.queue) if n]
    columns = ", ".join(f'"{name}"' for name in names)
    with open_enriched(siem.store, truth.stream) as enriched:
        scored = enriched.sql(
            f'SELECT event_id, event_time, "scoreback.score" AS score, {columns} '  # noqa: S608
            'FROM events_enriched WHERE "scoreback.score" IS NOT NULL ORDER BY event_time, event_id'
        ).to_arrow_table()
    opened = pa.array([alert["event_id"] for alert in alerts], pa.string())
    if truth.group is None:
        return [_judged(truth.stream, scored, truth, opened, rule)]
    values = sorted(pc.unique(scored.column(truth.group)).to_pylist())
    of = scored.column(truth.group)
    return [_judged(v, scored.filter(pc.equal(of, v)), truth, opened, rule) for v in values]


def _judged(
    name: str, scored: pa.Table, truth: Truth, opened: pa.Array, rule: Suppression
) -> Judged:
    times = scored.column("event_time").cast(pa.int64()).to_numpy()
    scores = scored.column("score").to_numpy()
    label = scored.column(truth.label)
    answer = pc.is_in(label, value_set=pa.array(truth.positive)).to_numpy().astype(np.int8)
    entities = _codes(scored, truth.entity)
    shown = pc.is_in(scored.column("event_id"), value_set=opened).to_numpy()
    hits = np.flatnonzero(answer == 1)
    incident = _incidents(times[hits], entities[hits])
    return Judged(
        name=name,
        days=max((int(times[-1]) - int(times[0])) / DAY_US, 1.0),
        events=len(times),
        positives=len(hits),
        alerts=int(shown.sum()),
        true_alerts=int(shown[hits].sum()),
        possible_true_alerts=len(openings(times[hits], entities[hits], rule)),
        first_day_alerts=int(shown[times < times[0] + DAY_US].sum()),
        incidents=len(np.unique(incident)),
        incidents_found=len(np.unique(incident[shown[hits]])),
        average_precision=average_precision(answer, scores) if len(hits) else None,
        minute_average_precision=_by_minute(scored, truth, times, entities, answer, scores),
        queue_true_alerts=_from_queue(scored, truth, answer, int(shown.sum())),
    )


def _from_queue(
    scored: pa.Table, truth: Truth, answer: NDArray[np.int8], alerts: int
) -> float | None:
    """True ones expected among the *alerts* highest of the queue, equal ones in chance order."""
    if truth.queue is None or not alerts:
        return None
    order = pc.fill_null(pc.cast(scored.column(truth.queue), pa.float64()), -1.0).to_numpy()
    least = np.sort(order)[::-1][alerts - 1]
    above, equal = order > least, order == least
    return float(answer[above].sum() + answer[equal].mean() * (alerts - above.sum()))


def _by_minute(
    scored: pa.Table,
    truth: Truth,
    times: NDArray[np.int64],
    entities: NDArray[np.int64],
    answer: NDArray[np.int8],
    scores: NDArray[np.float64],
) -> float | None:
    """Average precision with the events of one kind, entity and minute as one.

    A scan raises thousands of alerts within minutes; ranked one by one they hide all else.
    """
    if truth.kind is None or not answer.any():
        return None
    keys = np.stack([entities, _codes(scored, truth.kind), times // MINUTE_US], axis=1)
    groups, group = np.unique(keys, axis=0, return_inverse=True)
    group = group.reshape(-1)
    highest, any_true = np.zeros(len(groups)), np.zeros(len(groups), dtype=np.int8)
    np.maximum.at(highest, group, scores)
    np.maximum.at(any_true, group, answer)
    return average_precision(any_true, highest)


def _incidents(times: NDArray[np.int64], entities: NDArray[np.int64]) -> NDArray[np.int64]:
    """The incident of each positive: those of one entity with gaps of less than a day."""
    order = np.lexsort((times, entities))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(entities[order]) != 0) | (np.diff(times[order]) >= DAY_US)
    incident = np.empty(len(order), dtype=np.int64)
    incident[order] = np.cumsum(new) - 1
    return incident


def _codes(table: pa.Table, name: str) -> NDArray[np.int64]:
    coded = table.column(name).combine_chunks().dictionary_encode()
    return np.asarray(pc.fill_null(coded.indices, -1).to_numpy(), dtype=np.int64)
