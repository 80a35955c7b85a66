"""Changes to alerts as Elasticsearch's update by query makes them, on a node that has none.

Kibana sends a query and a Painless script. Here the alerts are read page by page from one point in
time and written back only if nobody changed them in between (sequence numbers), so two analysts
who act at once conflict as they would there. The answer has the shape of Elasticsearch's.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.kibana.cluster import Cluster

Json = dict[str, Any]
_PAGE = 1000
_REMOVED = object()


@dataclass
class Edit:
    """What a script does to one alert: fields set, fields taken away."""

    values: Json = field(default_factory=dict)

    def set(self, name: str, value: object) -> None:
        """Give a field a value."""
        self.values[name] = value

    def remove(self, name: str) -> None:
        """Take a field away."""
        self.values[name] = _REMOVED

    def applied(self, source: Mapping[str, Any]) -> Json:
        """The document afterwards."""
        merged = {**source, **self.values}
        return {name: value for name, value in merged.items() if value is not _REMOVED}

    @property
    def removes(self) -> bool:
        """Whether a field goes, which no partial document can say."""
        return any(value is _REMOVED for value in self.values.values())


Script = Callable[[Mapping[str, Any]], Edit | None]
"""From a document to its edit; None: ``ctx.op = 'noop'``. An empty edit counts as an update."""


@dataclass(frozen=True)
class Update:
    """Which alerts, what is done to each, and what happens if somebody else changes one."""

    index: str
    query: Json | None
    reads: Sequence[str]
    """The fields that the script looks at."""
    script: Script
    proceed: bool = False
    refresh: bool = True
    ids: Sequence[str] | None = None
    """These alerts as they are this moment, refreshed or not, instead of a query."""


def run(cluster: Cluster, update: Update, *, stolen: int = 0) -> tuple[int, Json]:
    """Do it; return the status (409 where a conflict ended it) and Elasticsearch's answer.

    *stolen* alerts conflict although nobody changed them: a switch of the tests.
    """
    begun = time.monotonic()
    said = _Said()
    for page in _pages(cluster, update):
        said.total += len(page)
        _write(cluster, page, update, said, stolen)
        stolen = 0
        if said.failures and not update.proceed:
            break
    if update.refresh and said.updated:
        cluster.asked("POST", f"/{update.index}/_refresh?ignore_unavailable=true")
    conflicted = bool(said.failures) and not update.proceed
    return (409 if conflicted else 200), said.answer(time.monotonic() - begun, update.proceed)


def reason_of(answer: Json) -> str:
    """What Kibana says of an answer that is an error: the whole of it, as text."""
    return json.dumps(answer)


@dataclass
class _Said:
    total: int = 0
    updated: int = 0
    noops: int = 0
    batches: int = 0
    conflicts: int = 0
    failures: list[Json] = field(default_factory=list)

    def answer(self, seconds: float, proceed: bool) -> Json:
        return {
            "took": round(seconds * 1000),
            "timed_out": False,
            "total": self.total,
            "updated": self.updated,
            "deleted": 0,
            "batches": self.batches,
            "version_conflicts": self.conflicts,
            "noops": self.noops,
            "retries": {"bulk": 0, "search": 0},
            "throttled_millis": 0,
            "requests_per_second": -1,
            "throttled_until_millis": 0,
            "failures": [] if proceed else self.failures,
        }


def _pages(cluster: Cluster, update: Update) -> Iterator[list[Json]]:
    """The alerts that the query finds now, whatever is written while they are read."""
    if update.ids is not None:
        yield from _named(cluster, update)
        return
    opened = cluster.asked(
        "POST", f"/{update.index}/_pit?keep_alive=2m&ignore_unavailable=true", absent=(404,)
    )
    if opened is None:
        return
    pit, after = opened["id"], None
    try:
        while True:
            body: Json = {
                "pit": {"id": pit, "keep_alive": "2m"},
                "size": _PAGE,
                "sort": ["_shard_doc"],
                "query": update.query,
                "_source": list(update.reads),
                "seq_no_primary_term": True,
                "track_total_hits": False,
            }
            if after is not None:
                body["search_after"] = after
            found = cluster.asked("POST", "/_search", body)
            pit, hits = found["pit_id"], found["hits"]["hits"]
            if hits:
                yield hits
            if len(hits) < _PAGE:
                return
            after = hits[-1]["sort"]
    finally:
        cluster.asked("DELETE", "/_pit", {"id": pit}, absent=(404,))


def _named(cluster: Cluster, update: Update) -> Iterator[list[Json]]:
    ids, reads = list(update.ids or ()), ",".join(update.reads)
    for begin in range(0, len(ids), _PAGE):
        found = cluster.asked(
            "POST",
            f"/{update.index}/_mget?_source_includes={reads}",
            {"ids": ids[begin : begin + _PAGE]},
            absent=(404,),
        )
        yield [doc for doc in (found or {}).get("docs", ()) if doc.get("found")]


def _write(cluster: Cluster, page: list[Json], update: Update, said: _Said, stolen: int) -> None:
    edits: list[tuple[Json, Edit]] = []
    for hit in page:
        edit = update.script(hit["_source"])
        if edit is None:
            said.noops += 1
        elif not edit.values:
            said.updated += 1
        else:
            edits.append((hit, edit))
    said.batches += 1
    for hit, _ in edits[:stolen]:
        _conflict(said, hit, "current sequence number is newer")
    edits = edits[stolen:]
    if not edits:
        return
    whole = _whole(cluster, [hit for hit, edit in edits if edit.removes])
    lines: list[object] = []
    for hit, edit in edits:
        meta = {
            "_index": hit["_index"],
            "_id": hit["_id"],
            "if_seq_no": hit["_seq_no"],
            "if_primary_term": hit["_primary_term"],
        }
        if edit.removes:
            lines += [{"index": meta}, edit.applied(whole.get(hit["_id"], {}))]
        else:
            lines += [{"update": meta}, {"doc": edit.values}]
    answer = cluster.bulk(lines, refresh=False)
    for (hit, _), item in zip(edits, answer["items"], strict=True):
        (result,) = item.values()
        if "error" in result:
            _conflict(said, hit, result["error"]["reason"], result["status"])
        else:
            said.updated += 1


def _whole(cluster: Cluster, hits: list[Json]) -> dict[str, Json]:
    """All of the documents of which one field goes."""
    if not hits:
        return {}
    asked = {"docs": [{"_index": hit["_index"], "_id": hit["_id"]} for hit in hits]}
    return {
        doc["_id"]: doc["_source"]
        for doc in cluster.asked("POST", "/_mget", asked)["docs"]
        if doc.get("found")
    }


def _conflict(said: _Said, hit: Json, reason: str, status: int = 409) -> None:
    if status == 409:
        said.conflicts += 1
    kind = "version_conflict_engine_exception" if status == 409 else "mapper_exception"
    said.failures.append(
        {
            "index": hit["_index"],
            "id": hit["_id"],
            "cause": {"type": kind, "reason": f"[{hit['_id']}]: {reason}"},
            "status": status,
        }
    )
