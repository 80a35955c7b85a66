"""A node in which the demo's week has happened, asked as Kibana's dashboards ask it."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scoreback.connectors.elastic.times import text
from tests.elasticsearch.connection import connected
from tests.elasticsearch.fixtures import remove
from tests.packaging.demo_week import NOW, Week
from tests.packaging.elastic_dashboards import Lens, by_name
from tests.packaging.lens_search import Row, rows_of, search_of

ALERTS = "scoreback-alerts"
BUILDING_BLOCK = {"kibana.alert.building_block_type": "default"}
ALERT_MAPPING = {
    "@timestamp": {"type": "date"},
    "kibana.alert.building_block_type": {"type": "keyword"},
    "kibana.alert.risk_score": {"type": "float"},
    "kibana.alert.rule.name": {"type": "keyword"},
    "kibana.alert.rule.tags": {"type": "keyword"},
    "kibana.alert.workflow_status": {"type": "keyword"},
}
RAISED: list[tuple[str, str, dict[str, Any]]] = [
    ("Scoreback: alert_triage", "open", {}),
    ("Scoreback: alert_triage", "closed", {}),
    ("Scoreback: alert_triage", "acknowledged", {}),
    ("Scoreback: alert_triage", "open", BUILDING_BLOCK),
    (
        "Scoreback: alert_triage, audit",
        "open",
        {"kibana.alert.rule.tags": ["Scoreback", "Scoreback Audit"]},
    ),
    (
        "Scoreback: alert_triage, explore",
        "open",
        {"kibana.alert.rule.tags": ["Scoreback", "Scoreback Explore"]},
    ),
    ("Somebody else's", "open", {"kibana.alert.rule.tags": ["Other"]}),
]


@dataclass(frozen=True)
class Asking:
    """A node in which the demo's week has happened."""

    url: str
    indices: dict[str, str]  # of data views

    def rows(self, lens: Lens, *, only: str = "", days: int | None = None) -> list[Row]:
        """The rows that a panel shows at the end of the week."""
        dashboard = by_name()[lens.dashboard]
        span = dashboard.since.removeprefix("now-")
        hours = days * 24 if days else int(span[:-1]) * (24 if span.endswith("d") else 1)
        since = text(NOW - timedelta(hours=hours))
        body = search_of(lens, since=since, until=text(NOW), only=only)
        return rows_of(lens, self.search(self.indices[lens.view], body))

    def search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        return asked(f"{self.url}/{index}/_search", body)


@contextmanager
def happened(url: str, week: Week) -> Iterator[Asking]:
    """Put *week* on the node at *url*, beside a few alerts of Elastic Security."""
    with connected(url, "dashboards") as connector:
        for batch in week.scores:
            connector.scores.write(batch, at=NOW)
        connector.health.write(week.health)
        namespace = connector.given.namespace
        alerts = f"sbt-alerts-{namespace}"
        made = {"mappings": {"properties": ALERT_MAPPING}, "settings": {"number_of_replicas": 0}}
        asked(f"{url}/{alerts}", made, "PUT")
        for number, (name, status, more) in enumerate(RAISED):
            alert = {
                "@timestamp": text(NOW - timedelta(hours=1)),
                "kibana.alert.rule.name": name,
                "kibana.alert.rule.tags": ["Scoreback"],
                "kibana.alert.workflow_status": status,
                "kibana.alert.risk_score": 47 + number,
                **more,
            }
            asked(f"{url}/{alerts}/_doc/{number}?refresh=true", alert, "PUT")
        asked(f"{url}/scoreback.scores-{namespace}/_refresh", None)
        indices = {
            "scoreback-scores": f"scoreback.scores-{namespace}",
            "scoreback-health": f"scoreback.health-{namespace}",
            ALERTS: alerts,
        }
        try:
            yield Asking(url, indices)
        finally:
            remove(url, alerts)


def asked(url: str, body: dict[str, Any] | None, method: str = "POST") -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - the run's own node
        url,
        None if body is None else json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
    return found
