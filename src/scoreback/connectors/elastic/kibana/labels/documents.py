"""Looks up the documents behind alerts: which still exist, their times and their scores.

They are in the indices that alerts name, mostly backing indices of data streams, which expire; a
missing document is not an error, and one that Scoreback may not read counts as missing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from scoreback.connectors.elastic.kibana.labels.hits import only
from scoreback.connectors.elastic.kibana.labels.moments import micros_of
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.wire.client import Client

SOME = 5_000  # ids per search
_PATH = 2_000  # characters of index names per path; a request's first line has 4,096
_WHOLE = {"ignore_unavailable": True, "allow_no_indices": True,
          "allow_partial_search_results": False}  # fmt: skip

# Scoreback's key can read the detectors' own events, but alerts come from any rule
_HIDDEN = (403, 404)

Place = tuple[str, str]  # index and id of a document


class Documents:
    """The documents of one cluster."""

    def __init__(self, client: Client, names: Names) -> None:
        """Search through *client*."""
        self._client, self._names = client, names

    def there(self, places: Iterable[Place]) -> set[str]:
        """The ids of those of *places* whose document still exists."""
        return {str(hit["_id"]) for hit in self._hits(places, source=False)}

    def times(self, places: Iterable[Place]) -> dict[str, int]:
        """The times of the existing documents of *places*, in microseconds, by id."""
        found = {}
        for hit in self._hits(places, source=["@timestamp"]):
            at = micros_of(only(flat(hit.get("_source") or {}).get("@timestamp")))
            if at is not None:
                found[str(hit["_id"])] = at
        return found

    def scores(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """The stored score documents of *ids*, with flat names, by id."""
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), SOME):
            body = {
                "size": 2 * SOME,  # after a rollover a score may be stored twice
                "query": {"ids": {"values": ids[start : start + SOME]}},
            }
            answer = self._client.search(self._names.scores, body, absent=(404,)) or {}
            for hit in answer.get("hits", {}).get("hits", []):
                found[str(hit["_id"])] = flat(hit["_source"])
        return found

    def _hits(self, places: Iterable[Place], source: object) -> Iterator[Mapping[str, Any]]:
        by_index: dict[str, set[str]] = {}
        for index, name in places:
            by_index.setdefault(index, set()).add(name)
        for indices in _portions(sorted(by_index)):
            ids = sorted(set[str]().union(*(by_index[index] for index in indices)))
            path = ",".join(quote(index, safe=":") for index in indices)
            for start in range(0, len(ids), SOME):
                some = ids[start : start + SOME]
                body = {
                    "size": min(10_000, 2 * len(some)),  # an id may exist in both indices
                    "_source": source,
                    "query": {"ids": {"values": some}},
                    "track_total_hits": False,
                }
                answer = self._client.call(
                    "POST", f"/{path}/_search", body, params=_WHOLE, absent=_HIDDEN
                )
                yield from (answer or {}).get("hits", {}).get("hits", [])


def _portions(indices: Sequence[str]) -> Iterator[Sequence[str]]:
    """*indices* in groups whose names fit into a path."""
    some: list[str] = []
    for index in indices:
        if some and sum(map(len, some)) + len(some) + len(index) > _PATH:
            yield some
            some = []
        some.append(index)
    if some:
        yield some
