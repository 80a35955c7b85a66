"""Alert suppression of query rules (Platinum): one alert for all events of a group.

Without a duration each run has alerts of its own. With one, an alert that is open and begun within
the duration counts on, so that ``docs_count`` grows, and only then a new one is made. Groups that a
run has seen are left out of the next ones, up to the newest event that was counted.
"""

import hashlib
import json
from typing import Any

from tests.kibana import times
from tests.kibana.runner.filters import span
from tests.kibana.runner.outcome import LIMIT_REACHED, Body, Run
from tests.kibana.runner.writing import Alert, alert_of, body_of, create, from_itself, new, write


def suppress(
    run: Run, rule_query: Body, begin: float, end: float, most: int, group_by: list[str]
) -> None:
    """Search one span and write at most so many alerts, one for each group."""
    with_missing = (run.body["alert_suppression"].get("missing_fields_strategy") or "suppress") == (
        "suppress"
    )
    run.rule.groups = [one for one in run.rule.groups if times.seconds_of(one["end"]) > begin]
    counted = [_counted(run, one, begin) for one in run.rule.groups]
    filters = [rule_query, span(run, begin, end)]
    buckets = _buckets(run, filters, counted, group_by, most, with_missing=with_missing)
    left = most - len(buckets)
    if not with_missing and left > 0:
        _unsuppressed(run, filters, group_by, left)
    if len(buckets) > most:
        run.warn(LIMIT_REACHED)
    buckets = buckets[:most]
    alerts = [_alert(run, bucket, begin, end) for bucket in buckets]
    duration = run.body["alert_suppression"].get("duration")
    if duration:
        _with_duration(run, alerts, run.started - _seconds(duration))
    else:
        before = run.created
        fresh = new(run, alerts)
        create(run, fresh)
        if run.created > before:
            run.suppressed += sum(one["kibana.alert.suppression.docs_count"] for _, one in fresh)
    run.rule.groups += [
        {"key": bucket["key"], "end": _bound(bucket, "max", end)} for bucket in buckets
    ]


def _seconds(duration: Body) -> float:
    return float(duration["value"]) * {"s": 1, "m": 60, "h": 3600}[duration["unit"]]


def _counted(run: Run, group: Body, begin: float) -> Body:
    """The events of a group that were counted already."""
    given = [{"term": {k: v}} for k, v in group["key"].items() if v is not None]
    missing = [{"exists": {"field": k}} for k, v in group["key"].items() if v is None]
    within = span(run, begin, times.seconds_of(group["end"]))
    return {"bool": {"filter": [*given, within], "must_not": missing}}


def _buckets(
    run: Run,
    filters: list[Body],
    counted: list[Body],
    group_by: list[str],
    most: int,
    *,
    with_missing: bool,
) -> list[Body]:
    primary, secondary = run.timestamps
    sort = [
        {name: {"order": "asc", "unmapped_type": "date"}} for name in (primary, secondary) if name
    ]
    sources = [
        {name: {"terms": {"field": name, "missing_bucket": with_missing}}} for name in group_by
    ]
    inner: Body = {
        "first": {"top_hits": {"size": 1, "version": True, "sort": sort, "fields": ["*"]}}
    }
    for kind in ("min", "max"):
        for number, name in enumerate(filter(None, (primary, secondary))):
            inner[f"{kind}{number}"] = {kind: {"field": name}}
    body = {
        "size": 0,
        "query": {"bool": {"filter": filters, "must_not": counted}},
        "aggs": {"groups": {"composite": {"sources": sources, "size": most + 1}, "aggs": inner}},
    }
    path = f"/{','.join(run.searched)}/_search?ignore_unavailable=true&allow_no_indices=true"
    answer = run.simulator.cluster.asked("POST", path, body)
    found: list[Body] = answer.get("aggregations", {}).get("groups", {}).get("buckets", [])
    return found


def _bound(bucket: Body, kind: str, otherwise: float) -> str:
    """When a group's events begin or end.

    Kibana works it out with a script over both time fields; the node has none, so it is the rule's
    own field where any event has it.
    """
    for number in (0, 1):
        value = bucket.get(f"{kind}{number}", {}).get("value")
        if value is not None:
            return times.iso(value / 1000)
    return times.iso(otherwise)


def _alert(run: Run, bucket: Body, begin: float, end: float) -> Alert:
    hit = bucket["first"]["hits"]["hits"][0]
    terms = [{"field": name, "value": value} for name, value in bucket["key"].items()]
    first, last = _bound(bucket, "min", begin), _bound(bucket, "max", end)
    place = f"{run.space}:{run.rule.id}"
    identifier = _hash(
        hit["_index"], hit["_id"], str(hit.get("_version", 1)), place, terms, first, last
    )
    more = {
        "kibana.alert.suppression.terms": terms,
        "kibana.alert.suppression.start": first,
        "kibana.alert.suppression.end": last,
        "kibana.alert.suppression.docs_count": bucket["doc_count"] - 1,
        "kibana.alert.instance.id": _hash(terms, run.rule.id, run.space),
    }
    return identifier, body_of(run, hit, identifier, **more)


def _hash(*parts: object) -> str:
    return hashlib.sha1(json.dumps(parts).encode(), usedforsecurity=False).hexdigest()


def _with_duration(run: Run, alerts: list[Alert], since: float) -> None:
    alerts = new(run, alerts)
    if not alerts:
        return
    existing = _existing(run, [one["kibana.alert.instance.id"] for _, one in alerts], since)
    fresh, updates = [], []
    for identifier, body in alerts:
        known = existing.get(body["kibana.alert.instance.id"])
        count = body["kibana.alert.suppression.docs_count"]
        if known is None:
            fresh.append((identifier, body))
            run.suppressed += count
            continue
        source = known["_source"]
        if source["kibana.alert.suppression.end"] >= body["kibana.alert.suppression.end"]:
            continue  # it was counted before
        change = {
            "kibana.alert.suppression.end": body["kibana.alert.suppression.end"],
            "kibana.alert.last_detected": run.now,
            "kibana.alert.suppression.docs_count": source["kibana.alert.suppression.docs_count"]
            + count
            + 1,
        }
        updates += [
            {"update": {"_index": known["_index"], "_id": known["_id"]}},
            {"doc": change},
        ]
        run.suppressed += count + 1
    write(run, fresh, updates)


def _existing(run: Run, instances: list[str], since: float) -> dict[str, Body]:
    """The newest alert of each group that is not closed and was begun after *since*."""
    query = {
        "bool": {
            "filter": [
                {"range": {"kibana.alert.start": {"gte": times.iso(since)}}},
                {"terms": {"kibana.alert.instance.id": instances}},
            ],
            "must_not": [{"term": {"kibana.alert.workflow_status": "closed"}}],
        }
    }
    body = {
        "size": len(instances),
        "query": query,
        "collapse": {"field": "kibana.alert.instance.id"},
        "sort": [{"kibana.alert.start": {"order": "desc"}}],
    }
    path = f"/{run.alias}/_search?ignore_unavailable=true"
    hits: list[Any] = run.simulator.cluster.asked("POST", path, body)["hits"]["hits"]
    return {hit["_source"]["kibana.alert.instance.id"]: hit for hit in hits}


def _unsuppressed(run: Run, filters: list[Body], group_by: list[str], most: int) -> None:
    """An alert for each event that lacks a field of the group."""
    lacking = {
        "bool": {"must_not": [{"bool": {"filter": [{"exists": {"field": f}} for f in group_by]}}]}
    }
    primary, _ = run.timestamps
    body = {
        "size": most + 1,
        "version": True,
        "query": {"bool": {"filter": [*filters, lacking]}},
        "fields": ["*"],
        "sort": [{primary: {"order": "asc", "unmapped_type": "date"}}],
    }
    path = f"/{','.join(run.searched)}/_search?ignore_unavailable=true&allow_no_indices=true"
    hits = run.simulator.cluster.asked("POST", path, body)["hits"]["hits"]
    if create(run, [alert_of(run, hit) for hit in hits if not from_itself(run, hit)], most):
        run.warn(LIMIT_REACHED)
