"""A connection of ours to the node of the test run, with names that no other test has."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.testing import Subject
from scoreback.errors import SiemRefused
from scoreback.records import EventBatch
from tests.elasticsearch.fixtures import asked

SAMPLE = "contract"


@contextmanager
def connected(url: str, name: str = "contract", **settings: object) -> Iterator[ElasticConnector]:
    """A connector whose resources are applied in a namespace of its own.

    What it made is removed afterwards, but for data streams: the node cannot delete those.
    """
    given = {"namespace": f"t{uuid.uuid4().hex[:12]}", "replicas": 0, "hosts": [url]}
    connector = ElasticConnector.open(name, given | settings)
    try:
        for resource in connector.resources():
            connector.apply(resource)
        yield connector
    finally:
        connector.close_connection()
        with_data = ElasticConnector.open(name, given | settings | {"hosts": [url]})
        for resource in reversed(with_data.resources()):
            try:
                with_data.remove(resource)
            except SiemRefused:  # a stream, or the template that one still uses
                continue
        with_data.close_connection()


def sample_index(connector: ElasticConnector, stream: str = SAMPLE) -> str:
    """The data stream that sample events of *stream* go to."""
    return f"logs-scoreback_demo.{stream}-{connector.settings.namespace}"


def refresh(url: str, pattern: str = "_all") -> None:
    """Make all that was written visible to searches."""
    asked(url, "POST", f"/{pattern}/_refresh?expand_wildcards=all")


def subject(url: str, connector: ElasticConnector) -> Subject:
    """*connector* for the contract's checks."""

    def seed(events: EventBatch) -> None:
        connector.add_events(SAMPLE, events)

    def settle() -> None:
        refresh(url, f"*{connector.settings.namespace}*")

    return Subject(
        connector=connector,
        seed=seed,
        selection={"index": sample_index(connector)},
        unknown_selection={"index": "no-such-index"},
        settle=settle,
    )
