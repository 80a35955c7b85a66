"""Which hits become alerts: the one definition of per-entity cap, overflow and throttle.

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
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.deployment import AlertRule
from scoreback.naming import alert_id
from scoreback.times import span

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Cap and throttle of one detector."""

    per_entity: int
    throttle: timedelta


def hits_of(rule: AlertRule, scores: pa.Table) -> pa.Table:
    """The hits of *rule* among *scores*, by time: of its stage and version, with ``alert`` set."""
    wanted = pc.and_(scores["alert"], pc.equal(scores["detector"], rule.detector))
    wanted = pc.and_(wanted, pc.equal(scores["stage"], rule.stage.value))
    if rule.version:
        wanted = pc.and_(wanted, pc.equal(scores["version"], rule.version))
    return scores.filter(wanted).sort_by([("event_time", "ascending"), ("score_id", "ascending")])


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAlert:
    """An alert that a rule has opened: whose it is and when, in microseconds."""

    alert_id: str
    entity: str | None
    event_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where the hits of a rule go: *alerts* has one id a hit, *new* the positions that open one."""

    alerts: list[str]
    new: list[int]


def place(rule: AlertRule, hits: pa.Table, before: Iterable[OpenAlert]) -> Placed:
    """Decide which of *hits* open an alert of *rule* and which join one, as a rule engine does.

    Args:
        rule: its cap and throttle decide, its name is part of each alert's id.
        hits: ``score_id``, ``event_time`` and ``entity``, each score once, by time.
        before: the rule's alerts on the days of *hits*, by time. Those that hits of this table
            opened, in a run that broke off, count in their turn, as they did then.
    """
    times = hits["event_time"].cast(pa.int64()).to_numpy()
    entities = hits["entity"].to_pylist()
    own = [alert_id(rule.name, score_id) for score_id in hits["score_id"].to_pylist()]
    before, opened_here = list(before), set(own)
    broken_off = {alert.alert_id for alert in before if alert.alert_id in opened_here}
    before = [alert for alert in before if alert.alert_id not in opened_here]
    already = len(before)
    codes: dict[str, int] = {}
    coded = [
        -1 if e is None else codes.setdefault(e, len(codes))
        for e in [*(alert.entity for alert in before), *entities]
    ]
    openers = opened_by(
        np.concatenate([np.array([a.event_time for a in before], dtype=np.int64), times]),
        np.array(coded, dtype=np.int64),
        Suppression(per_entity=rule.per_entity, throttle=rule.throttle),
        already=already,
        opens={already + row for row, name in enumerate(own) if name in broken_off},
    )[already:]
    names = [*(alert.alert_id for alert in before), *own]
    opens = openers == np.arange(already, already + len(own))
    return Placed(
        alerts=[names[opener] for opener in openers],
        new=[row for row in np.flatnonzero(opens).tolist() if own[row] not in broken_off],
    )


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
        times: event times in microseconds, in the order in which hits are taken; shape (n,).
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
