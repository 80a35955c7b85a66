"""Fixtures: a connector behind the fault proxy that never really sleeps."""

from collections.abc import Iterator

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.rule_engine.alerting import flat
from tests.elasticsearch.connection import connected
from tests.elasticsearch.direct import sources
from tests.elasticsearch.guard import guard
from tests.elasticsearch.proxy import Proxy


@pytest.fixture
def naps() -> list[float]:
    """How long a connector slept, in place of sleeping."""
    return []


@pytest.fixture(scope="module")
def applied(elasticsearch_url: str) -> Iterator[ElasticConnector]:
    """A connector straight to the node, whose namespace has all its resources."""
    with connected(elasticsearch_url) as connector:
        yield connector


@pytest.fixture
def elastic(
    applied: ElasticConnector, elasticsearch_proxy: Proxy, naps: list[float]
) -> Iterator[ElasticConnector]:
    """Another connector to the same namespace, behind the proxy."""
    settings = {
        "hosts": [elasticsearch_proxy.url],
        "namespace": applied.given.namespace,
        "replicas": 0,
        "timeout": 30,
    }
    connector = ElasticConnector.open("contract", settings, sleep=naps.append)
    guard(connector)
    elasticsearch_proxy.forget()
    yield connector
    connector.close_connection()


def stored(applied: ElasticConnector, detector: str) -> list[str]:
    """The ids of all stored scores of *detector*, each as often as it is there."""
    stream = f"scoreback.scores-{applied.given.namespace}"
    found = sources(applied.given.hosts[0], stream)
    return sorted(h["_id"] for h in found if flat(h["_source"])["scoreback.detector"] == detector)
