"""A connection of ours to the node of the test run, with names that no other test has."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from scoreback.connectors.contract import Subject
from scoreback.connectors.contract.data import UsersHand
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.alerting import RuleEngine
from scoreback.errors import SiemRefused
from scoreback.records import EventBatch, LabelBatch
from tests.elasticsearch.direct import done
from tests.elasticsearch.fixtures import asked
from tests.elasticsearch.guard import guard

SAMPLE = "contract"
# Settings of Kibana: what is in the cluster is made without it, as a test may take it down.
OF_KIBANA = frozenset(
    {"kibana", "space", "kibana_api_key", "kibana_api_key_file", "kibana_ca_file", "verdicts"}
)


@contextmanager
def connected(
    url: str,
    name: str = "contract",
    *,
    through: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    apply: bool = True,
    **settings: object,
) -> Iterator[ElasticConnector]:
    """A connector whose resources are applied in a namespace of its own.

    What it made is removed afterwards, but for data streams: the node cannot delete those.

    Args:
        url: Of the node; resources are made and removed there.
        name: Of the connection.
        through: Where the connector itself connects, a proxy say; the node without it.
        sleep: Waits between attempts.
        apply: Whether resources are made at all.
        settings: More of them.
    """
    given = {"namespace": f"t{uuid.uuid4().hex[:12]}", "replicas": 0, **settings}
    of_cluster = {key: value for key, value in given.items() if key not in OF_KIBANA}
    direct = ElasticConnector.open(name, of_cluster | {"hosts": [url]})
    connector = None
    try:
        for resource in direct.resources.wanted() if apply else ():
            direct.resources.apply(resource)
        connector = ElasticConnector.open(name, given | {"hosts": [through or url]}, sleep=sleep)
        guard(connector)
        yield connector
    finally:
        if connector is not None:
            connector.close_connection()
        for resource in reversed(direct.resources.wanted()):
            try:
                direct.resources.remove(resource)
            except SiemRefused:  # a stream, or the template that one still uses
                continue
        direct.close_connection()


def engine(connector: ElasticConnector) -> RuleEngine:
    """Our own rule engine, which a connection without Kibana has."""
    assert connector.rule_engine is not None
    return connector.rule_engine


def sample_index(connector: ElasticConnector, stream: str = SAMPLE) -> str:
    """The data stream that sample events of *stream* go to."""
    return f"logs-scoreback_demo.{stream}-{connector.given.namespace}"


def refresh(url: str, pattern: str = "_all") -> None:
    """Make all that was written visible to searches."""
    asked(url, "POST", f"/{pattern}/_refresh?expand_wildcards=all")


def subject(url: str, connector: ElasticConnector) -> Subject:
    """*connector* for the contract's checks."""

    def seed(events: EventBatch) -> None:
        connector.intake.add_events(SAMPLE, events)

    def judge(verdicts: LabelBatch) -> None:
        connector.intake.add_verdicts(verdicts)

    def settle() -> None:
        refresh(url, f"*{connector.given.namespace}*")

    return Subject(
        connector=connector,
        seed=seed,
        selection={"index": sample_index(connector)},
        unknown_selection={"index": "no-such-index"},
        settle=settle,
        judge=judge,
        hand=_users_hand(url, connector),
    )


def _users_hand(url: str, connector: ElasticConnector) -> UsersHand:
    """Whoever may write the index of rules."""
    index = Names(connector.given.namespace).rules

    def there(name: str) -> dict[str, Any]:
        found: dict[str, Any] = done(url, "GET", f"/{index}/_doc/{name}")["_source"]
        return found

    def write(name: str, **keys: object) -> None:
        done(url, "POST", f"/{index}/_doc/{name}?refresh=true", there(name) | keys)

    return UsersHand(
        switch_off=lambda name: write(name, enabled=False),
        is_on=lambda name: bool(there(name)["enabled"]),
        edit=lambda name: write(name, rule={**there(name)["rule"], "budget": 99.0}),
    )
