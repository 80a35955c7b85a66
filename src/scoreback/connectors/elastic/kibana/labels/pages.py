"""Reads the alerts of a space by the time of their last status change, page by page.

It reads through Elasticsearch over a point in time, with at most one page in memory. Ten thousand
alerts that were closed at once share one time; the server decides their order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from scoreback.connectors.elastic.kibana.labels.hits import (
    BLOCK,
    UPDATED,
    Hit,
    asked,
    decoded,
    entities,
)
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.point_in_time import Expired, PointInTime, point_in_time
from scoreback.errors import SiemRefused, SiemUnavailable

PAGE_ROWS = 5_000
RENEWALS = 3  # renewals of a point in time without any progress
_MS = 1_000  # in microseconds; Kibana writes no finer time


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Alerts whose status changed in ``[since, until)``, microseconds; restricted by *filters*."""

    since: int
    until: int | None
    filters: tuple[Mapping[str, Any], ...] = ()

    def query(self) -> dict[str, Any]:
        """In Elasticsearch's query language: whole milliseconds, the last one included."""
        bounds = {"gte": self.since // _MS, "format": "epoch_millis"}
        if self.until is not None:
            bounds["lt"] = -(-self.until // _MS)
        return {
            "bool": {
                "filter": [{"range": {UPDATED: bounds}}, *self.filters],
                # Building blocks; analysts see and judge the alerts made from them.
                "must_not": [{"exists": {"field": BLOCK}}],
            }
        }


class Page:
    """A page of alerts."""

    def __init__(self, hits: list[Hit], body: bytes, entity: str) -> None:
        """From *hits* decoded from *body*; *entity* is the event field that names entities."""
        self.hits, self._body, self._entity = hits, body, entity
        self._places: Sequence[int] = range(len(hits))  # position in the answer

    def without(self, seen: set[str]) -> "Page":
        """The same page without the alerts that were *seen*."""
        left = Page([], self._body, self._entity)
        left._places = [row for row in self._places if self.hits[row].id not in seen]
        left.hits = [self.hits[row] for row in left._places]
        return left

    @cached_property
    def changed(self) -> list[int]:
        """When the status of each alert changed, in microseconds."""
        return [int(hit.sort[0]) * _MS for hit in self.hits]

    def entities(self, rows: Sequence[int]) -> Mapping[int, str]:
        """By row, the entity in the alert's copy of its event, for *rows* that have one."""
        if not rows:
            return {}
        places = {self._places[row]: row for row in rows}
        found = entities(self._body, self._entity, list(places))
        return {places[place]: value for place, value in found.items()}


class AlertPages:
    """The alerts of one space."""

    def __init__(self, client: Client, space: str) -> None:
        """Read through *client*."""
        self._client, self.index = client, alerts_index(space)

    def read(self, changed: Changed, entity: str) -> Iterator[Page]:
        """Yield the alerts of *changed* in order of their change; *entity* as for `Page`.

        A space that never had a rule has none.

        Raises:
            SiemUnavailable: the cluster did not answer.
            SiemRefused: the cluster refused; a privilege is missing.
        """
        renewed, seen = 0, set[str]()
        while True:
            try:
                for page in self._over(changed, entity):
                    at = page.changed[-1]
                    # After a renewal, alerts of the last millisecond are returned again.
                    fresh = page.without(seen) if seen else page
                    kept = seen if at == changed.since else set()
                    seen = kept | {
                        hit.id
                        for hit, own in zip(page.hits, page.changed, strict=True)
                        if own == at
                    }
                    if fresh.hits:
                        yield fresh
                    changed, renewed = replace(changed, since=at), 0
            except Expired as error:
                renewed += 1
                if renewed > RENEWALS:
                    raise SiemUnavailable(
                        "points in time expire faster than they can be read",
                        hint="the cluster is overloaded; try again later, nothing is lost",
                    ) from error
            else:
                return

    def _over(self, changed: Changed, entity: str) -> Iterator[Page]:
        try:
            with point_in_time(self._client, self.index) as pit:
                yield from self._pages(pit, changed, entity)
        except SiemRefused as error:
            if "index_not_found" not in error.message:
                raise

    def _pages(self, pit: PointInTime, changed: Changed, entity: str) -> Iterator[Page]:
        body: dict[str, Any] = {
            "size": PAGE_ROWS,
            "track_total_hits": False,
            "query": changed.query(),
            "sort": [{UPDATED: {"order": "asc", "unmapped_type": "date"}}],
            "_source": asked(entity),
        }
        while True:
            answer = pit.search(body)
            hits, newest = decoded(answer)
            pit.renew(newest)
            if hits:
                body["search_after"] = hits[-1].sort
                yield Page(hits, answer, entity)
            if len(hits) < PAGE_ROWS:
                return


def alerts_index(space: str) -> str:
    """The index for reading the alerts of *space*."""
    return f".alerts-security.alerts-{space}"
