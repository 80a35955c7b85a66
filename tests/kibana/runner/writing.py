"""Writes alerts: each once, though a rule looks at the same events in run after run."""

from collections.abc import Sequence
from typing import Any

from tests.kibana.alert_document import alert_id, document
from tests.kibana.runner.outcome import Hit, Run
from tests.kibana.runner.overrides import overrides
from tests.kibana.runner.source import copied

Alert = tuple[str, dict[str, Any]]
"""Its ``_id`` and its ``_source``."""


def alert_of(run: Run, hit: Hit) -> Alert:
    """The alert about one event: its id is made of the event's index, id and version."""
    identifier = alert_id(
        hit["_index"], hit["_id"], int(hit.get("_version", 1)), run.rule.id, run.space
    )
    return identifier, body_of(run, hit, identifier)


def body_of(run: Run, hit: Hit, identifier: str, **more: object) -> dict[str, Any]:
    """An alert's document about one event."""
    event = copied(hit)
    return document(
        run.body,
        [event],
        identifier=identifier,
        space=run.space,
        now=run.now,
        kibana_version=run.simulator.version.number,
        execution=run.execution,
        indices=run.searched,
        overrides={**overrides(run.body, event["_source"]), **more},
    )


def from_itself(run: Run, hit: Hit) -> bool:
    """Whether the event is an alert that this very rule made: it is never alerted on again."""
    ancestors = (hit.get("_source") or {}).get("kibana.alert.ancestors") or ()
    own = (hit.get("_source") or {}).get("kibana.alert.rule.uuid")
    return own == run.rule.id or any(one.get("rule") == run.rule.id for one in ancestors)


def new(run: Run, alerts: Sequence[Alert]) -> list[Alert]:
    """Those alerts that are not there yet."""
    if not alerts:
        return []
    ids = [identifier for identifier, _ in alerts]
    search = {"size": len(ids), "_source": False, "query": {"ids": {"values": ids}}}
    path = f"/{run.alias}/_search?ignore_unavailable=true"
    hits = run.simulator.cluster.asked("POST", path, search)["hits"]["hits"]
    there = {hit["_id"] for hit in hits}
    fresh: dict[str, dict[str, Any]] = {}
    for identifier, body in alerts:
        if identifier not in there:
            fresh.setdefault(identifier, body)
    return list(fresh.items())


def create(run: Run, alerts: Sequence[Alert], most: int | None = None) -> bool:
    """Write the alerts that are new, at most so many; whether some were left out for that."""
    fresh = new(run, alerts)
    cut = most is not None and len(fresh) > most
    write(run, fresh[:most] if cut else fresh)
    return cut


def write(run: Run, alerts: Sequence[Alert], updates: Sequence[object] = ()) -> None:
    """Write alerts, and changes of older ones, in one request."""
    lines: list[object] = list(updates)
    for identifier, body in alerts:
        lines += [{"create": {"_index": run.alias, "_id": identifier}}, body]
    for item in run.simulator.cluster.bulk(lines)["items"]:
        for kind, result in item.items():
            if kind == "create" and result["status"] == 201:
                run.created += 1
            elif result["status"] >= 300 and result["status"] != 409:
                run.errors.append(str(result["error"]["reason"]))
