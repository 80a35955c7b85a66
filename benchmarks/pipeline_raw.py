"""The least client work that does it: bodies undecoded by the client, typed hits, text by hand.

A limit to measure against, not a way to go: it survives no error, and its ways without ids of our
own write every score again when they are run again.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import msgspec
import numpy as np
from elastic_transport import Serializer
from elasticsearch import Elasticsearch
from numpy.typing import NDArray
from pipeline_task import Model, Task

PRIVATE = ("10.", "192.168.")
PAGE = 5_000
_DIGITS = str.maketrans("", "", "0123456789")
_TYPES = [f"application/{form}" for form in (
    "json", "x-ndjson", "vnd.elasticsearch+json", "vnd.elasticsearch+x-ndjson",
)]  # fmt: skip

Ids = Literal["theirs", "create", "index"]


class AsItIs(Serializer):
    """Lets bodies through as bytes, both ways."""

    def __init__(self, mimetype: str) -> None:
        """For one media type."""
        self.mimetype = mimetype  # type: ignore[misc]  # each object serves one of them

    def loads(self, data: bytes) -> bytes:
        """What came."""
        return data

    def dumps(self, data: bytes) -> bytes:
        """What goes."""
        return data


class _What(msgspec.Struct, gc=False):
    action: str
    category: list[str]
    outcome: str
    duration: float
    severity: float


class _End(msgspec.Struct, gc=False):
    bytes: float
    packets: float
    port: float
    ip: str


class _Network(msgspec.Struct, gc=False):
    bytes: float
    protocol: str
    direction: str


class _Process(msgspec.Struct, gc=False):
    pid: float
    command_line: str


class _Named(msgspec.Struct, gc=False):
    name: str


class _Url(msgspec.Struct, gc=False):
    domain: str


class _Source(msgspec.Struct, gc=False, rename={"at": "@timestamp", "os": "host.os.family"}):
    at: str
    event: _What
    source: _End
    destination: _End
    network: _Network
    process: _Process
    user: _Named
    rule: _Named
    url: _Url
    os: str


class _Hit(msgspec.Struct, gc=False, rename={"index": "_index", "id": "_id", "source": "_source"}):
    index: str
    id: str
    source: _Source
    sort: msgspec.Raw


class _Hits(msgspec.Struct, gc=False):
    hits: list[_Hit]


class _Page(msgspec.Struct, gc=False):
    pit_id: str
    hits: _Hits


class _Opened(msgspec.Struct, gc=False):
    id: str


def raw(task: Task, *, slices: int, in_place: bool, ids: Ids = "theirs") -> tuple[int, float]:
    """Score all events, onto the events themselves or into the target; count and sum of scores."""
    serializers = {one: AsItIs(one) for one in _TYPES}
    with Elasticsearch(task.url, serializers=serializers, request_timeout=120) as client:
        opened = _send(client, "POST", f"/{task.source}/_pit?keep_alive=5m", b"")
        pit = msgspec.json.decode(opened, type=_Opened).id

        def one(number: int) -> tuple[int, float]:
            model = Model.load(task.folder)  # of its own: a booster serves one thread
            count, total = 0, 0.0
            for hits in _pages(client, pit, number, slices):
                scores = model.booster.inplace_predict(_matrix(hits, model.weights))
                body = (
                    _updates(task, hits, scores) if in_place
                    else _documents(task, hits, scores, ids)
                )  # fmt: skip
                path = "/_bulk" if in_place else f"/{task.target}/_bulk"
                answer = _send(client, "POST", f"{path}?filter_path=errors", body)
                if b'"errors":false' not in answer:
                    raise RuntimeError("the benchmark's bulk request has refused items")
                count += len(hits)
                total += float(scores.sum(dtype=np.float64))
            return count, total

        with ThreadPoolExecutor(slices) as pool:
            parts = list(pool.map(one, range(slices)))
        _send(client, "DELETE", "/_pit", msgspec.json.encode({"id": pit}))
    return sum(count for count, _ in parts), sum(total for _, total in parts)


def _send(client: Elasticsearch, method: str, path: str, body: bytes) -> bytes:
    kind = "x-ndjson" if "_bulk" in path else "json"
    headers = {  # servers of version 8 and 9 both take 8
        "accept": "application/vnd.elasticsearch+json; compatible-with=8",
        "content-type": f"application/vnd.elasticsearch+{kind}; compatible-with=8",
    }
    answer: Any = client.perform_request(method, path, headers=headers, body=body or None)
    return bytes(answer.body)


def _pages(client: Elasticsearch, pit: str, number: int, slices: int) -> Iterator[list[_Hit]]:
    decoder = msgspec.json.Decoder(_Page)
    request: dict[str, Any] = {
        "size": PAGE,
        "pit": {"id": pit, "keep_alive": "5m"},
        "sort": ["_shard_doc"],
        "track_total_hits": False,
    }
    if slices > 1:
        request["slice"] = {"id": number, "max": slices}
    while True:
        page = decoder.decode(_send(client, "POST", "/_search", msgspec.json.encode(request)))
        if not page.hits.hits:
            return
        yield page.hits.hits
        request["search_after"] = page.hits.hits[-1].sort


def _matrix(hits: list[_Hit], weights: dict[str, dict[str, float]]) -> NDArray[np.float32]:
    """The 24 features of ``detectors/features.yml``, in its order."""
    (action, category, outcome, family, protocol, direction, rule, user) = (
        weights[name].get
        for name in (
            "event.action", "event.category", "event.outcome", "host.os.family",
            "network.protocol", "network.direction", "rule.name", "user.name",
        )
    )  # fmt: skip
    rows = []
    for hit in hits:
        s = hit.source
        what, here, there, network, process = (
            s.event, s.source, s.destination, s.network, s.process,
        )  # fmt: skip
        line = process.command_line
        rows.append((
            what.duration, what.severity, here.bytes, here.packets, here.port,
            there.bytes, there.packets, there.port, network.bytes, process.pid,
            action(what.action, 0.0), category(what.category[0], 0.0), outcome(what.outcome, 0.0),
            family(s.os, 0.0), protocol(network.protocol, 0.0), direction(network.direction, 0.0),
            rule(s.rule.name, 0.0), user(s.user.name, 0.0),
            len(line), len(line) - len(line.translate(_DIGITS)), len(s.url.domain),
            here.bytes / here.packets if here.packets else np.nan,
            int(s.at[11:13]), there.ip.startswith(PRIVATE),
        ))  # fmt: skip
    return np.array(rows, dtype=np.float32)


def _updates(task: Task, hits: list[_Hit], scores: NDArray[np.float32]) -> bytes:
    return "".join([
        f'{{"update":{{"_index":"{hit.index}","_id":"{hit.id}"}}}}\n'
        f'{{"doc":{{"scoreback":{{"score":{score!r},"version":"{task.run}"}}}}}}\n'
        for hit, score in zip(hits, scores.tolist(), strict=True)
    ]).encode()  # fmt: skip


def _documents(task: Task, hits: list[_Hit], scores: NDArray[np.float32], ids: Ids) -> bytes:
    tail = f'"version":"{task.run}"}}}}\n'
    lines = []
    for hit, score in zip(hits, scores.tolist(), strict=True):
        action = '{"create":{}}'
        if ids != "theirs":
            name = hashlib.sha256(f"{hit.index}\0{hit.id}\0{task.run}".encode()).hexdigest()[:32]
            action = f'{{"{ids}":{{"_id":"{name}"}}}}'
        lines.append(
            f'{action}\n{{"@timestamp":"{hit.source.at}","scoreback":{{"score":{score!r},'
            f'"event":{{"id":"{hit.id}","index":"{hit.index}"}},{tail}'
        )
    return "".join(lines).encode()
