"""Finds the subject of a verdict on an alert: an event, or an entity and a time.

An alert about one document has it among its ancestors, and the document's id is the event's. An
alert of Scoreback is about a score, which names the event. A rule that aggregates (a threshold, a
sequence, statistics) has no single event: the verdict is about the entity that the alert names, for
the time that was counted.
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

# Rules whose alerts have an artificial ancestor (a digest of what was counted) or an anomaly.
_AGGREGATING = frozenset({"threshold", "machine_learning"})
_TICK = 1  # one microsecond; a span excludes its end

Entities = Callable[[Sequence[int]], Mapping[int, str]]  # row of a page → value


class Origin(Enum):
    """What an index contains."""

    SCORES = auto()  # Scoreback's scores
    HEALTH = auto()  # other indices of Scoreback: a verdict on them says nothing about an event
    EVENTS = auto()


@dataclass(slots=True)
class Subjects:
    """The subjects of one page's alerts, by row; a row in neither mapping has none."""

    events: dict[int, str] = field(default_factory=dict)
    spans: dict[int, tuple[str, int, int]] = field(default_factory=dict)  # entity, since, until


class Origins:
    """Tells Scoreback's indices from others."""

    def __init__(self, names: Names) -> None:
        """Use the streams of *names*."""
        self._ours = {
            origin: re.compile(rf"(?:^|[-:])(?:\.ds-)?{re.escape(stream)}(?:-|$)")
            for origin, stream in ((Origin.SCORES, names.scores), (Origin.HEALTH, names.health))
        }
        self._known: dict[str, Origin] = {}

    def of(self, index: str | None) -> Origin:
        """What *index* contains: a backing index of Scoreback's streams, or any other index."""
        name = index or ""
        found = self._known.get(name)
        if found is None:
            found = next((o for o, ours in self._ours.items() if ours.search(name)), Origin.EVENTS)
            self._known[name] = found
        return found


class SubjectReader:
    """Finds the subjects of alerts."""

    def __init__(self, documents: Documents, names: Names, window: timedelta | None) -> None:
        """Look up in *documents* what alerts do not contain.

        Args:
            documents: the documents of the cluster.
            names: the names of Scoreback's indices.
            window: how long before and after an event, whose document is gone, the verdict is about
                its entity.
        """
        self._documents, self._origins, self._window = documents, Origins(names), window

    def of(self, hits: Sequence[Hit], rows: Sequence[int], entities: Entities) -> Subjects:
        """The subjects of the alerts *rows* among *hits*.

        Args:
            hits: a page of alerts.
            rows: the rows that need a subject.
            entities: returns the entity in an alert's own copy of its event.
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
        """For alerts without a copy of their score: the subject from the score itself."""
        stored = self._documents.scores(sorted(set(scores.values())))
        for row, name in scores.items():
            event = stored.get(name, {}).get("scoreback.event.id")
            if event is not None:
                found.events[row] = str(event)

    def _of_copies(
        self, hits: Sequence[Hit], places: Mapping[int, Place], found: Subjects, entities: Entities
    ) -> None:
        """For events without documents: the entity in the alert's copy, around the event."""
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
    """The start and end of what an aggregating alert covers, in microseconds; excludes the end.

    A threshold rule says when its count began, and its last event has the alert's own time. Other
    rules cover the time that the run looked at: from its look-back on.
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
