"""Alerts without a rule's run: for tests that begin where analysts do."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.kibana import alerts_index
from tests.kibana.alert_document import document
from tests.kibana.simulator import Simulator
from tests.kibana.times import iso

RULE: dict[str, Any] = {
    "id": "5d1f9b0e-0000-4000-8000-000000000001",
    "rule_id": "seeded",
    "name": "A seeded rule",
    "type": "query",
    "severity": "medium",
    "risk_score": 47,
    "tags": [],
    "version": 1,
    "revision": 0,
    "enabled": True,
}
_BATCH = 2000


def alert(
    simulator: Simulator,
    identifier: str,
    hits: Iterable[Mapping[str, Any]] = (),
    *,
    rule: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document of an alert about *hits*, as the simulated version writes it now."""
    return document(
        {**RULE, **(rule or {})},
        list(hits),
        identifier=identifier,
        space=simulator.home,
        now=iso(simulator.clock.now()),
        kibana_version=simulator.version.number,
        execution="seeded",
        overrides=overrides,
    )


def store(
    simulator: Simulator, alerts: Mapping[str, Mapping[str, Any]], index: str | None = None
) -> list[str]:
    """Put documents by their ids into the alerts index of the home space; return the ids.

    *index* is the index behind the alias to write to, instead of the newest of them.
    """
    space = simulator.home
    alerts_index.make(simulator.cluster, space, simulator.version.line)
    ids = list(alerts)
    for begin in range(0, len(ids), _BATCH):
        lines: list[object] = []
        for one in ids[begin : begin + _BATCH]:
            lines.append({"create": {"_index": index or alerts_index.alias(space), "_id": one}})
            lines.append(alerts[one])
        if simulator.cluster.bulk(lines)["errors"]:
            raise ValueError("Elasticsearch refused some of the alerts")
    return ids


def seed(simulator: Simulator, count: int, **overrides: object) -> list[str]:
    """Alerts ``a00000`` and so on, each about an event of its own; return their ids."""
    made = {}
    for number in range(count):
        source = {"@timestamp": iso(simulator.clock.now()), "host": {"name": f"h{number}"}}
        hit = {"_index": "logs-seeded", "_id": f"e{number:05}", "_source": source}
        made[f"a{number:05}"] = alert(simulator, f"a{number:05}", [hit], overrides=overrides)
    return store(simulator, made)


def stored(simulator: Simulator, identifier: str) -> dict[str, Any]:
    """The ``_source`` of an alert of the home space, as it is now."""
    names = simulator.cluster.asked("GET", f"/_alias/{alerts_index.alias(simulator.home)}")
    for index in names:
        found = simulator.cluster.asked("GET", f"/{index}/_doc/{identifier}", absent=(404,))
        if found is not None:
            source: dict[str, Any] = found["_source"]
            return source
    raise KeyError(identifier)
