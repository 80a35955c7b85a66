"""Speaks to a node past our connector: how tests bring in events and see what is stored."""

import http.client
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from scoreback.connectors.elastic import ElasticConnector
from scoreback.records import EventQuery, TimeWindow

Document = Mapping[str, Any]


def request(url: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and answer of one request with a JSON body, or one for each line of a list."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=180)
    lines = body if isinstance(body, list) else [body]
    data = None if body is None else "".join(json.dumps(line) + "\n" for line in lines)
    kind = "application/x-ndjson" if isinstance(body, list) else "application/json"
    try:
        connection.request(method, path, data and data.encode(), {"content-type": kind})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def done(url: str, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """The answer of a request that has to succeed."""
    status, answer = request(url, method, path, body)
    assert status < 300, answer
    return answer


def make(url: str, index: str, properties: Document | None = None, **mapping: object) -> None:
    """Make *index*; its dates are those of Elasticsearch unless *properties* say otherwise."""
    dates = {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"ingested": {"type": "date"}}},
    }
    body = {
        "settings": {"index": {"number_of_replicas": 0}},
        "mappings": {"properties": {**dates, **(properties or {})}, **mapping},
    }
    done(url, "PUT", f"/{index}", body)


def fill(url: str, index: str, documents: Iterable[Document], *, create: bool = False) -> None:
    """Put *documents* into *index* and make them visible; ``_id`` among their keys names one."""
    lines: list[object] = []
    for document in documents:
        head = {"_id": document["_id"]} if "_id" in document else {}
        lines.append({"create" if create else "index": head})
        lines.append({key: value for key, value in document.items() if key != "_id"})
    if lines:
        answer = done(url, "POST", f"/{index}/_bulk?refresh=true", lines)
        assert not answer["errors"], answer


def sources(url: str, index: str) -> list[dict[str, Any]]:
    """All hits of *index*, whatever was written a moment ago included."""
    request(url, "POST", f"/{index}/_refresh")
    status, answer = request(url, "POST", f"/{index}/_search", {"size": 10_000})
    found: list[dict[str, Any]] = answer["hits"]["hits"] if status == 200 else []
    return found


def rows(
    connector: ElasticConnector,
    index: str | list[str],
    window: TimeWindow,
    fields: Iterable[str] = (),
    **selection: object,
) -> list[dict[str, Any]]:
    """All events of *index* in *window*, as the connector reads them."""
    query = EventQuery(selection={"index": index, **selection}, fields=tuple(fields))
    return [
        row
        for piece in connector.events.slices(query, window)
        for batch in connector.events.read(piece)
        for row in batch.batch.to_pylist()
    ]
