"""A detector's selection in Elasticsearch: indices, a Lucene query, a Query DSL filter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from scoreback.connectors.elastic.selection_keys import KEYS
from scoreback.errors import SiemRefused
from scoreback.times import span

HINT = "write elastic: {index: logs-NAME-*, query: 'event.kind: \"alert\"'}"
_MS = 1_000  # microseconds; a `date` field has no finer time
_SCRIPTED = ("script", "script_score", "function_score", "percolate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which documents are events, and which of their fields are times."""

    # an index expression: names, aliases, data streams, patterns, clusters; comma-separated
    index: str
    filters: tuple[Mapping[str, Any], ...]
    time: str = "@timestamp"
    arrival: str = "event.ingested"

    @classmethod
    def of(cls, selection: Mapping[str, object], clusters: Sequence[str] = ()) -> Self:
        """Read and check the keys of *selection*; reads all *clusters*, where '' is the local one.

        Raises:
            SiemRefused: a key is missing, unknown or of the wrong type.
        """
        unknown = sorted(set(selection) - set(KEYS))
        if unknown:
            raise SiemRefused(
                f"a selection for Elasticsearch has no key {unknown[0]!r}",
                hint=f"keys that exist: {', '.join(sorted(KEYS))}",
            )
        filters: list[Mapping[str, Any]] = []
        query, given = selection.get("query"), selection.get("filter")
        if query is not None:
            if not isinstance(query, str) or not query.strip():
                raise SiemRefused(f"query is {query!r}, not a Lucene query", hint=HINT)
            filters.append({"query_string": {"query": query, "analyze_wildcard": True}})
        if given is not None:
            if not isinstance(given, dict) or not given:
                raise SiemRefused(f"filter is {given!r}, not a Query DSL object", hint=HINT)
            _refuse_scripts(given)
            filters.append(given)
        named = {}
        for key in ("time", "arrival"):
            value = selection.get(key)
            if value is not None:
                if not isinstance(value, str) or not value:
                    raise SiemRefused(f"{key} is {value!r}, not the name of a field", hint=HINT)
                named[key] = value
        return cls(index=_index(selection.get("index"), clusters), filters=tuple(filters), **named)

    def on_arrival(self, since: int, until: int, lag: timedelta) -> dict[str, Any]:
        """The query for events that arrived in ``[since, until)``, microseconds; at most 1 ms more.

        An event without an arrival time counts as arrived *lag* after its own time.
        """
        shift = span(lag)
        known = {"exists": {"field": self.arrival}}
        return self._query(
            [
                _range(self.arrival, since, until),
                {
                    "bool": {
                        "filter": [_range(self.time, since - shift, until - shift)],
                        "must_not": [known],
                    }
                },
            ]
        )

    def everything(self) -> dict[str, Any]:
        """The query for all events."""
        return {"bool": {"filter": list(self.filters)}}

    def _query(self, either: list[dict[str, Any]]) -> dict[str, Any]:
        times = {"bool": {"should": either, "minimum_should_match": 1}}
        return {"bool": {"filter": [*self.filters, times]}}


def _range(field: str, since: int, until: int) -> dict[str, Any]:
    """Whole milliseconds around the bounds, because a `date` field drops anything finer."""
    bounds = {"gte": since // _MS, "lt": -(-until // _MS), "format": "epoch_millis"}
    return {"range": {field: bounds}}


def _index(asked: object, clusters: Sequence[str]) -> str:
    names = [asked] if isinstance(asked, str) else asked
    if not isinstance(names, list | tuple) or not names:
        raise SiemRefused(f"index is {asked!r}, not a name or a list of names", hint=HINT)
    found = []
    for name in names:
        if not isinstance(name, str) or not name.strip() or any(c in name for c in ' ,"\\/?#'):
            raise SiemRefused(f"{name!r} is not a valid index name", hint=HINT)
        if ":" in name or not clusters:
            found.append(name)
        else:
            found.extend(f"{cluster}:{name}" if cluster else name for cluster in clusters)
    return ",".join(found)


def _refuse_scripts(query: object) -> None:
    """Refuse scripts: they may cost anything and depend on the server's settings."""
    if isinstance(query, dict):
        for key, below in query.items():
            if key in _SCRIPTED:
                raise SiemRefused(
                    f"filter has {key!r}: a selection cannot run scripts",
                    hint="select only by fields, or let an ingest pipeline write a field",
                )
            _refuse_scripts(below)
    elif isinstance(query, list):
        for below in query:
            _refuse_scripts(below)
