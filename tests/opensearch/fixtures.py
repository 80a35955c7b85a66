"""An OpenSearch node for tests of Painless, and a connection of ours to it.

Our connector is Elasticsearch's and refuses OpenSearch. So a proxy stands between them, which says
that it is Elasticsearch; all that is asked and answered of pipelines and events is the node's own.
"""

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from scoreback.connectors.elastic import ElasticConnector
from tests.elasticsearch.faults import Forward, Reply, Request
from tests.elasticsearch.java import Missing
from tests.elasticsearch.node import in_ci
from tests.elasticsearch.proxy import Proxy, proxied
from tests.opensearch.node import running

_VERSION = "9.2.2"
_OURS = re.compile(r"application/vnd\.elasticsearch\+([a-z-]+); ?compatible-with=\d+")


@pytest.fixture(scope="session")
def opensearch_url() -> Iterator[str]:
    """Where this process's OpenSearch node answers; it starts with the first test that asks."""
    try:
        with running() as node:
            yield node.url
    except Missing as missing:
        if in_ci():
            pytest.fail(f"no OpenSearch node without {missing}")
        pytest.skip(f"no OpenSearch node without {missing}")


@pytest.fixture
def opensearch_proxy(opensearch_url: str) -> Iterator[Proxy]:
    """The proxy before the node."""
    with proxied(opensearch_url) as proxy:
        proxy.add(_as_elasticsearch, times=None)
        yield proxy


@pytest.fixture
def opensearch(opensearch_proxy: Proxy) -> Iterator[ElasticConnector]:
    """A connection that lets the cluster score, in a namespace of its own."""
    with connected(opensearch_proxy) as connector:
        yield connector


@contextmanager
def connected(proxy: Proxy, **settings: object) -> Iterator[ElasticConnector]:
    """A connection through *proxy*; the pipelines that it made are removed afterwards."""
    given = {"namespace": f"t{uuid.uuid4().hex[:12]}", "native": True, "attempts": 1}
    connector = ElasticConnector.open("siem", {**given, "hosts": [proxy.url], **settings})
    try:
        yield connector
    finally:
        for made in reversed(connector.resources.made()):
            connector.resources.remove(made)
        connector.close_connection()


def _as_elasticsearch(request: Request, forward: Forward) -> Reply:
    kinds = {
        name: _OURS.sub(r"application/\1", value) if name in ("accept", "content-type") else value
        for name, value in request.headers.items()
    }
    reply = forward(replace(request, headers=kinds))
    headers = {**reply.headers, "x-elastic-product": "Elasticsearch"}
    body = reply.body
    if request.path == "/" and reply.status == 200:
        said = json.loads(body)
        said["version"]["number"] = _VERSION
        body = json.dumps(said).encode()
    return replace(reply, headers=headers, body=body)
