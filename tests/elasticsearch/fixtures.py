"""The node of this test run, and names on it that no other test has."""

import http.client
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.elasticsearch.java import Missing
from tests.elasticsearch.node import ADDRESS, in_ci, running
from tests.elasticsearch.proxy import Proxy, proxied

_OURS = "sbt"


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """Where the run's Elasticsearch answers: the one that was named to us, or one of our own."""
    given = os.environ.get(ADDRESS)
    if given:
        yield given
        return
    try:
        with running() as node:
            yield node.url
    except Missing as missing:
        if in_ci():
            pytest.fail(f"no Elasticsearch node without {missing}")
        pytest.skip(f"no Elasticsearch node without {missing}")


@pytest.fixture
def elasticsearch_proxy(elasticsearch_url: str) -> Iterator[Proxy]:
    """A proxy before the run's node, to make it fail and to see what is sent."""
    with proxied(elasticsearch_url) as proxy:
        yield proxy


@pytest.fixture
def fresh_prefix(elasticsearch_url: str) -> Iterator[str]:
    """A beginning for the names of indices, data streams and templates of one test.

    What still has such a name afterwards is removed.
    """
    prefix = f"{_OURS}-{uuid.uuid4().hex[:12]}"
    yield prefix
    remove(elasticsearch_url, prefix)


def remove(url: str, prefix: str) -> None:
    """Remove all indices, data streams and templates whose names begin with *prefix*."""
    for kind in ("_data_stream/{}", "{}", "_index_template/{}", "_component_template/{}"):
        asked(url, "DELETE", "/" + kind.format(f"{prefix}*"))


def asked(url: str, method: str, path: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON answer of one request without a body."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()
