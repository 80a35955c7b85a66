"""Alerts of Elastic Security as a rule and an analyst leave them on the node; what is read of them.

They are written by hand, so that any state of any version can be had; where Kibana has to act, the
simulator does.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.deploying.door import Resources
from scoreback.records import LabelQuery
from tests.elasticsearch.connection import connected
from tests.elasticsearch.direct import fill, request
from tests.kibana import alerts_index
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.alert_document import document
from tests.kibana.fixtures import over
from tests.kibana.simulator import Simulator

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ENTITY = "source.ip"
RULE: dict[str, Any] = {
    "id": "0a3f0c4e-0000-4000-8000-000000000007", "rule_id": "their-rule", "name": "Their rule",
    "type": "query", "severity": "low", "risk_score": 21, "tags": [], "from": "now-6m",
    "version": 3, "revision": 1, "enabled": True,
}  # fmt: skip
Document = dict[str, Any]


def iso(at: datetime) -> str:
    """*at* as Kibana writes times."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def event(name: str, at: datetime = START, index: str = "logs-x", **fields: object) -> Document:
    """A hit of a search for events."""
    source = {"@timestamp": iso(at), "source": {"ip": "10.0.0.1"}, "event": {"kind": "event"}}
    return {"_index": index, "_id": name, "_source": source | fields}


def closed(
    at: datetime, reason: str | None = None, *more: Document, by: str | None = "u_ada"
) -> Document:
    """What closing writes onto an alert."""
    found: Document = {
        "kibana.alert.workflow_status": "closed",
        "kibana.alert.workflow_status_updated_at": iso(at),
        "kibana.alert.workflow_user": by,
        "kibana.alert.workflow_reason": reason,
    }
    for state in more:
        found |= state
    return found


def opened(at: datetime, status: str = "open") -> Document:
    """What opening an alert again, or acknowledging it, leaves of a closing."""
    return closed(at) | {"kibana.alert.workflow_status": status}


@dataclass
class Bench:
    """A space of alerts, and our connection to it."""

    url: str
    kibana: Simulator
    connector: ElasticConnector

    def put(
        self,
        alert_id: str,
        hits: Sequence[Mapping[str, Any]],
        state: Mapping[str, Any] | None = None,
        *,
        at: datetime = START + MINUTE,
        index: str | None = None,
        **rule: object,
    ) -> None:
        """Write an alert about *hits*, in the *state* in which its analyst left it."""
        self.put_all({alert_id: self.alert(alert_id, hits, state, at=at, **rule)}, index)

    def alert(
        self,
        alert_id: str,
        hits: Sequence[Mapping[str, Any]],
        state: Mapping[str, Any] | None = None,
        *,
        at: datetime = START + MINUTE,
        **rule: object,
    ) -> Document:
        """The document of an alert."""
        return document(
            RULE | rule,
            list(hits),
            identifier=alert_id,
            space=self.kibana.home,
            now=iso(at),
            kibana_version=self.kibana.version.number,
            execution="by-hand",
            overrides=state,
        )

    def put_all(self, alerts: Mapping[str, Mapping[str, Any]], index: str | None = None) -> None:
        """Write alerts by their names."""
        alerts_index.make(self.kibana.cluster, self.kibana.home, self.kibana.version.line)
        where = index or alerts_index.alias(self.kibana.home)
        fill(self.url, where, ({"_id": name, **alert} for name, alert in alerts.items()))

    def labels(
        self,
        since: datetime = START - DAY,
        until: datetime | None = None,
        *,
        rules: tuple[str, ...] = (),
        window: timedelta | None = None,
        entity: str = ENTITY,
    ) -> list[dict[str, Any]]:
        """What the door tells, in its order."""
        query = LabelQuery(
            detector="d", entity=entity, since=since, until=until, rules=rules, window=window
        )
        found: list[dict[str, Any]] = []
        for batch in self.connector.labels.read(query):
            assert batch.num_rows
            found += batch.batch.to_pylist()
        times = [row["label_time"] for row in found]
        assert times == sorted(times)
        return found

    def clear(self) -> None:
        """Remove all alerts."""
        for number in (1, 2):
            index = alerts_index.backing(self.kibana.home, number)
            request(self.url, "DELETE", f"/{index}?ignore_unavailable=true")

    def verdicts(self, **query: Any) -> dict[str, tuple[Any, ...]]:  # noqa: ANN401
        """Alert to what it is about and its verdict; of an alert that is told once."""
        found = {}
        for row in self.labels(**query):
            assert row["alert_id"] not in found
            about = row["event_id"] or row["entity"]
            found[row["alert_id"]] = (about, "ended" if row["withdrawn"] else row["verdict"])
        return found


@contextmanager
def bench(
    url: str, version: str = "9.5", verdicts: Mapping[str, str] | None = None
) -> Iterator[Bench]:
    """A space of a simulator of *version* over the node at *url*, and a connection to it."""
    with (
        over(url, version=version) as kibana,
        connected(
            url,
            kibana=kibana.url,
            space=kibana.home,
            user=USER,
            password=PASSWORD,
            verdicts=dict(verdicts or {}),
            sleep=lambda _: None,
            apply=False,
        ) as connector,
    ):
        own = Resources(connector.client, connector.given)  # not what Kibana would keep of ours
        for resource in own.wanted():
            own.apply(resource)
        yield Bench(url, kibana, connector)
