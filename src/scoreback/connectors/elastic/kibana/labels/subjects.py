"""What a verdict on an alert is about: an event, or an entity and a time.

An alert about one document names it among its ancestors, and an event has the name that its
document has. An alert of ours is about a score, and leads through that to the event. What a rule
has aggregated (a threshold, a sequence, statistics) names no single event: its verdict is about the
entity that the alert names, for as long as what was counted lasted.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

from scoreback.connectors.elastic.kibana.labels.documents import Documents, Place
from scoreback.connectors.elastic.kibana.labels.hits import Ancestor, Hit, Source
from scoreback.connectors.elastic.kibana.labels.moments import look_back, micros_of
from scoreback.connectors.elastic.names import Names
from scoreback.times import span

# Rules whose alerts' one ancestor is made up (a digest of what was counted), or is an anomaly.
_AGGREGATING = frozenset({"threshold", "machine_learning"})
_TICK = 1  # microsecond: a span's end is not part of it

Entities = Callable[[Sequence[int]], Mapping[int, str]]  # rows of a page to values


class Origin(Enum):
    """What lies in an index."""

    SCORES = auto()  # ours
    HEALTH = auto()  # ours: no verdict on it says anything of an event
    EVENTS = auto()


@dataclass(slots=True)
class Subjects:
    """What the alerts of one page are about, by row; in neither: nothing that can be said."""

    events: dict[int, str] = field(default_factory=dict)
    spans: dict[int, tuple[str, int, int]] = field(default_factory=dict)  # entity, since, until


class Origins:
    """Tells our own indices from others."""

    def __init__(self, names: Names) -> None:
        """Know the streams of *names*."""
        self._ours = {
            origin: re.compile(rf"(?:^|[-:])(?:\.ds-)?{re.escape(stream)}(?:-|$)")
            for origin, stream in ((Origin.SCORES, names.scores), (Origin.HEALTH, names.health))
        }
        self._known: dict[str, Origin] = {}

    def of(self, index: str | None) -> Origin:
        """What lies in *index*, an index behind one of our streams or any other."""
        name = index or ""
        found = self._known.get(name)
        if found is None:
            found = next((o for o, ours in self._ours.items() if ours.search(name)), Origin.EVENTS)
            self._known[name] = found
        return found


class SubjectReader:
    """Finds what alerts are about."""

    def __init__(self, documents: Documents, names: Names, window: timedelta | None) -> None:
        """Look up what alerts do not tell in *documents*.

        Args:
            documents: of the cluster.
            names: of ours.
            window: how long before and after an event whose document is gone its entity is meant.
        """
        self._documents, self._origins, self._window = documents, Origins(names), window

    def of(self, hits: Sequence[Hit], rows: Sequence[int], entities: Entities) -> Subjects:
        """What the alerts of *rows* among *hits* are about.

        Args:
            hits: a page of alerts.
            rows: of those that something is to be told of.
            entities: gives the entity that an alert's own copy of its event names.
        """
        found, scores = Subjects(), dict[int, str]()
        places: dict[int, Place] = {}
        spread: dict[int, list[Ancestor]] = {}
        for row in rows:
            source = hits[row].source
            roots = source.ancestors
            if len(roots) != 1 or roots[0].depth:
                roots = [one for one in roots if not one.depth]
            only = roots[0] if len(roots) == 1 else None
            origin = self._origins.of(roots[0].index) if roots else Origin.EVENTS
            if origin is Origin.HEALTH:
                continue
            if only is None or not only.id or source.rule_type in _AGGREGATING:
                spread[row] = roots
            elif origin is Origin.SCORES:
                if (event := source.event_of_score) is not None:
                    found.events[row] = event
                else:
                    scores[row] = only.id
            else:
                found.events[row] = only.id
                places[row] = (only.index or "", only.id)
        if scores:
            self._through_scores(scores, found)
        if self._window is not None and places:
            self._of_copies(hits, places, found, entities)
        if spread:
            self._of_groups(hits, spread, found, entities)
        return found

    def _through_scores(self, scores: Mapping[int, str], found: Subjects) -> None:
        """Where an alert has no copy of its score: what the score itself says."""
        stored = self._documents.scores(sorted(set(scores.values())))
        for row, name in scores.items():
            event = stored.get(name, {}).get("scoreback.event.id")
            if event is not None:
                found.events[row] = str(event)

    def _of_copies(
        self, hits: Sequence[Hit], places: Mapping[int, Place], found: Subjects, entities: Entities
    ) -> None:
        """Events whose documents are gone are told by their copies: as entities around a time."""
        there = self._documents.there(place for place in places.values() if place[0])
        gone = [row for row, (_, name) in places.items() if name not in there]
        reach = span(self._window or timedelta(0))
        for row, entity in (entities(gone) if gone else {}).items():
            at = micros_of(hits[row].source.original)
            if at is not None:
                del found.events[row]
                found.spans[row] = (entity, at - reach, at + reach + _TICK)

    def _of_groups(
        self,
        hits: Sequence[Hit],
        spread: Mapping[int, Sequence[Ancestor]],
        found: Subjects,
        entities: Entities,
    ) -> None:
        members = [
            (one.index, one.id)
            for roots in spread.values()
            if len(roots) > 1
            for one in roots
            if one.index and one.id
        ]
        times = self._documents.times(members) if members else {}
        for row, entity in entities(list(spread)).items():
            own = [times[one.id] for one in spread[row] if one.id in times and len(spread[row]) > 1]
            if own:
                found.spans[row] = (entity, min(own), max(own) + _TICK)
            elif (lasted := lasting(hits[row].source)) is not None:
                found.spans[row] = (entity, *lasted)


def lasting(source: Source) -> tuple[int, int] | None:
    """When what an aggregating alert tells of began and ended, in microseconds, the end excluded.

    A threshold says when its count began, and its last event is the alert's own time. Else it is
    what the rule looked at when it ran: from its look-back on.
    """
    original = micros_of(source.original)
    ran = micros_of(source.intended) or micros_of(source.created)
    began = micros_of(source.threshold.since) if source.threshold is not None else None
    if began is not None:
        last = original if original is not None else ran
        return None if last is None else (began, max(began, last) + _TICK)
    end = ran if ran is not None else original
    if end is None:
        return None
    back = look_back(source.rule_from)
    if back is None and source.parameters is not None:
        back = look_back(source.parameters.since)
    starts = [at for at in (original, None if back is None else end - back) if at is not None]
    begin = min(starts, default=end)
    return begin, max(end, begin, original or begin) + _TICK
