"""Which hits of a rule open an alert, and which join one.

This repeats, for Splunk's Python, what the service's ``scoreback/suppression.py`` defines; a test
compares their answers. Hits are taken in order of time. A hit joins its entity's latest alert of
the same UTC day if it comes within the throttle after that alert opened, or if the entity has used
up its alerts of the day. Otherwise it opens one. A hit without an entity always opens one. Times
are microseconds since 1970.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Sequence
from typing import Optional

DAY = 86_400_000_000

Placeable = tuple[str, int, Optional[str]]  # name, time, entity
Opening = tuple[int, int, str]  # time, order, alert
Openings = dict[tuple[str, int], list[Opening]]  # by entity and day


def alert_id(rule: str, score_id: str) -> str:
    """The permanent id of the alert of *rule* that the score *score_id* opened."""
    data = f"{len(rule)}:{rule}{score_id}".encode()
    return hashlib.sha256(data).hexdigest()[:24]


def place(
    rule: str,
    hits: Sequence[Placeable],
    before: Sequence[Placeable],
    per_entity: int,
    throttle: int,
) -> tuple[list[str], list[int]]:
    """Let each of *hits* open an alert of *rule* or join one.

    Args:
        rule: the rule's name, part of each alert's id.
        hits: (score_id, time, entity or None), by time.
        before: (alert_id, time, entity or None) of the rule's alerts on the days of *hits*, by
            time.
        per_entity: maximum alerts of one entity and day.
        throttle: in microseconds.

    Returns:
        For each hit the id of its alert, and the positions of hits that open an alert which is not
        in *before*.
    """
    own = [alert_id(rule, score_id) for score_id, _, _ in hits]
    here = set(own)
    there = {name for name, _, _ in before if name in here}  # opened in a run that broke off
    openings: Openings = {}
    for order, (name, time, entity) in enumerate(before):
        if name not in here:
            _of(openings, entity, time).append((time, order, name))
    alerts: list[str] = []
    new: list[int] = []
    for position, (_, time, entity) in enumerate(hits):
        name = own[position]
        opened = _of(openings, entity, time)
        if name not in there and entity is not None:
            joined = _joins(opened, time, per_entity, throttle)
            if joined is not None:
                alerts.append(joined)
                continue
        bisect.insort(opened, (time, len(before) + position, name))
        alerts.append(name)
        if name not in there:
            new.append(position)
    return alerts, new


def _of(openings: Openings, entity: str | None, time: int) -> list[Opening]:
    """The alerts of *entity* on the day of *time*; without an entity, an empty list of its own."""
    return [] if entity is None else openings.setdefault((entity, time // DAY), [])


def _joins(opened: list[Opening], time: int, per_entity: int, throttle: int) -> str | None:
    for at, _, name in reversed(opened):
        if abs(time - at) < throttle:
            return name
    return opened[-1][2] if len(opened) >= per_entity else None
