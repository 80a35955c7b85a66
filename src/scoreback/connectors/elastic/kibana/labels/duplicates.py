"""Alerts closed as duplicates, which take the verdict of the alert that they repeat.

Kibana does not say which alert that is. It is taken to be the alert of the same rule about the same
entity that is nearest in time and has a verdict; without one there is no label. The label begins
when both alerts are closed, and ends when the other is reopened.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from scoreback.connectors.elastic.kibana.labels.hits import (
    CLOSED,
    ORIGINAL,
    REASON,
    RULE,
    STATUS,
    TAGS,
    Hit,
)
from scoreback.connectors.elastic.kibana.labels.meanings import DUPLICATE, IGNORE, Meanings
from scoreback.connectors.elastic.kibana.labels.moments import micros_of
from scoreback.connectors.elastic.kibana.labels.pages import AlertPages, Changed, Page
from scoreback.connectors.elastic.kibana.labels.rows import Row, batch, is_asked, row, within
from scoreback.connectors.elastic.kibana.labels.subjects import SubjectReader
from scoreback.connectors.elastic.wire.client import Client
from scoreback.records import LABEL_COLUMNS, LabelQuery, Verdict
from scoreback.times import micros, span

LATE = timedelta(days=30)  # an alert can be closed this long after its duplicates
NEAR = timedelta(days=7)  # an alert and its duplicate can have happened this far apart
_TICK = 1  # one microsecond

_Group = tuple[str, str]  # rule and entity


@dataclass(slots=True)
class _Duplicate:
    """One alert that repeats another."""

    hit: Hit
    changed: int
    at: int  # time of its event
    about: Row
    nearest: int = span(NEAR) + 1  # distance in time of the best sibling
    verdict: Verdict | None = None
    given: int = 0  # when that sibling was closed
    reopened: int = 0  # when any sibling was last reopened

    def meet(self, at: int, changed: int, said: object) -> None:
        """Consider a sibling that happened *at* and got the verdict *said* at *changed*."""
        apart = abs(at - self.at)
        if apart > span(NEAR):
            return
        if said is None:
            self.reopened = max(self.reopened, changed)
        elif isinstance(said, Verdict) and apart < self.nearest:
            self.nearest, self.verdict, self.given = apart, said, changed

    def rows(self) -> Iterator[Row]:
        source, name = self.hit.source, self.hit.id
        yield row(name, source, self.changed)
        if self.reopened > self.changed:
            yield row(name, source, self.reopened)
        if self.verdict is not None and self.about:
            at = max(self.given, self.changed + _TICK, self.reopened + _TICK)
            yield row(name, source, at, verdict=self.verdict.value, **self.about)


class Duplicates:
    """The duplicates of one space."""

    def __init__(self, client: Client, pages: AlertPages, meanings: Meanings) -> None:
        """Read *pages*, with *meanings* for their closings."""
        self._client, self._pages, self._meanings = client, pages, meanings

    def read(self, query: LabelQuery, subjects: SubjectReader) -> Iterator[pa.RecordBatch]:
        """All labels of duplicates in order of label time; they are few."""
        since = micros(query.since)
        until = None if query.until is None else micros(query.until)
        asked = Changed(
            since=max(0, since - span(LATE)), until=until, filters=(_closed_as_duplicate(),)
        )
        parts = []
        for page in self._pages.read(asked, query.entity):
            found = self._of(page, query, subjects)
            self._resolve(found, query.entity, until)
            told = within((one for dup, _ in found for one in dup.rows()), since, until)
            if told:
                parts.append(batch(told))
        if parts:
            table = pa.Table.from_batches(parts).sort_by([("label_time", "ascending")])
            yield from table.to_batches()

    def _of(
        self, page: Page, query: LabelQuery, subjects: SubjectReader
    ) -> list[tuple[_Duplicate, _Group]]:
        rows = [
            n
            for n, hit in enumerate(page.hits)
            if self._meanings.of(hit.source.reason, hit.source.tags) == DUPLICATE
            and is_asked(hit.source, query)
        ]
        entities = page.entities(rows)
        about = subjects.of(page.hits, rows, page.entities)
        found = []
        for n in rows:
            hit, more = page.hits[n], Row()
            if n in about.events:
                more = {"event_id": about.events[n]}
            elif n in about.spans:
                more = dict(zip(("entity", "since", "until"), about.spans[n], strict=True))
            at = micros_of(hit.source.original) or micros_of(hit.source.created) or 0
            group = (hit.source.rule_uuid, entities.get(n, ""))
            found.append((_Duplicate(hit, page.changed[n], at, more), group))
        return found

    def _resolve(
        self, found: Sequence[tuple[_Duplicate, _Group]], entity: str, until: int | None
    ) -> None:
        """Let each duplicate consider its siblings."""
        groups: dict[_Group, list[_Duplicate]] = {}
        for duplicate, group in found:
            if all(group):
                groups.setdefault(group, []).append(duplicate)
        if not groups:
            return
        times = [one.at for some in groups.values() for one in some]
        bounds = {
            "gte": (min(times) - span(NEAR)) // 1_000,
            "lte": -(-(max(times) + span(NEAR)) // 1_000),
            "format": "epoch_millis",
        }
        filters: list[dict[str, Any]] = [
            {"terms": {RULE + "uuid": sorted({rule for rule, _ in groups})}},
            {"range": {ORIGINAL: bounds}},
        ]
        if self._is_mapped(entity):
            filters.append({"terms": {entity: sorted({value for _, value in groups})}})
        siblings = Changed(since=0, until=until, filters=tuple(filters))
        for page in self._pages.read(siblings, entity):
            entities = page.entities(range(len(page.hits)))
            for n, hit in enumerate(page.hits):
                same = groups.get((hit.source.rule_uuid, entities.get(n, "")), ())
                at = micros_of(hit.source.original)
                if not same or at is None:
                    continue
                said = self._said(hit)
                for duplicate in same:
                    if duplicate.hit.id != hit.id:
                        duplicate.meet(at, page.changed[n], said)

    def _said(self, hit: Hit) -> object:
        """The verdict on *hit*; None if it was reopened."""
        if hit.source.status != CLOSED:
            return None
        said = self._meanings.of(hit.source.reason, hit.source.tags)
        return IGNORE if said is Verdict.UNDETERMINED else said

    def _is_mapped(self, field: str) -> bool:
        """Whether alerts can be searched by *field*: Kibana maps only ECS fields."""
        params = {"fields": field, "ignore_unavailable": True}
        path = f"/{self._pages.index}/_field_caps"
        found = self._client.call("GET", path, params=params, absent=(404,))
        return bool((found or {}).get("fields", {}).get(field))


def _closed_as_duplicate() -> dict[str, Any]:
    tag = {"term": {TAGS: {"value": DUPLICATE, "case_insensitive": True}}}
    said = [{"term": {REASON: DUPLICATE}}, tag]
    return {
        "bool": {
            "filter": [{"term": {STATUS: CLOSED}}],
            "should": said,
            "minimum_should_match": 1,
        }
    }


__all__ = ["LABEL_COLUMNS", "Duplicates"]
