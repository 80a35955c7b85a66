"""Which hits an analyst is shown: per-entity cap, overflow and throttle, by one definition.

The alert rules of the embedded SIEM and a model's evaluation must agree on what an alert is, or
"precision at budget" would promise something that nobody sees. The field's words for this are alert
suppression (Elastic) and throttling (Splunk).

The rule: hits are taken in order of time. A hit joins its entity's latest alert of the same UTC day
when it comes within `throttle` of that alert's opening, or when the entity has used up its
`per_entity` alerts of the day. Otherwise it opens an alert. An absent entity is never grouped.

A SIEM takes hits as they are written, so some come after alerts of a later time were opened: those
join an alert whose opening lies within `throttle` of them on either side.
"""

from bisect import insort
from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.deployment import AlertRule
from scoreback.records import Stage
from scoreback.times import span

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Cap and throttle of one detector."""

    per_entity: int
    throttle: timedelta


def over_threshold(scores: pa.Table, rule: AlertRule) -> pa.Table:
    """The live *scores* that *rule* is about, by time: those of its version at its threshold."""
    wanted = pc.equal(scores["detector"], rule.detector)
    for condition in (
        pc.equal(scores["version"], rule.version),
        pc.equal(scores["stage"], Stage.LIVE.value),
        pc.greater_equal(scores["score"], rule.threshold),
    ):
        wanted = pc.and_(wanted, condition)
    return scores.filter(wanted).sort_by([("event_time", "ascending"), ("score_id", "ascending")])


def opened_by(
    times: NDArray[np.int64],
    entities: NDArray[np.int64],
    rule: Suppression,
    *,
    already: int = 0,
    opens: Container[int] = (),
) -> NDArray[np.int64]:
    """For each hit, the position of the hit that opened the alert it belongs to.

    Args:
        times: event times in microseconds, ascending from position *already* on; shape (n,).
        entities: entity codes, -1 where the entity is absent; shape (n,).
        rule: cap and throttle.
        already: how many of the first hits are known to have opened an alert in an earlier run.
        opens: positions of later hits that opened one in a run that broke off.

    Returns:
        Positions, shape (n,); ``result[i] == i`` where hit i opens an alert. Suppression is
        sequential within an entity and day, so this walks hits (never events) in Python.
    """
    throttle = span(rule.throttle)
    opener = np.arange(len(times), dtype=np.int64)
    openings: dict[tuple[int, int], list[tuple[int, int]]] = {}  # (entity, day) → (time, position)
    days = times // DAY_US
    for i, (moment, entity, day) in enumerate(
        zip(times.tolist(), entities.tolist(), days.tolist(), strict=True)
    ):
        if entity < 0:
            continue
        opened = openings.setdefault((entity, day), [])
        if i >= already and i not in opens:
            near = next((p for t, p in reversed(opened) if abs(moment - t) < throttle), None)
            if near is None and len(opened) >= rule.per_entity:
                near = opened[-1][1]
            if near is not None:
                opener[i] = near
                continue
        insort(opened, (moment, i))
    return opener
