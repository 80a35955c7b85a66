"""Threshold rules: an alert where enough events have the same values of some fields."""

import json
from typing import Any

from tests.kibana import times
from tests.kibana.alert_document import document, group_alert_id
from tests.kibana.runner.filters import rule_filter, span
from tests.kibana.runner.outcome import LIMIT_REACHED, Body, Run
from tests.kibana.runner.overrides import overrides
from tests.kibana.runner.writing import create

_GROUPS = 10_000


def run_threshold(run: Run, begin: float, end: float, most: int) -> None:
    """Search one span; a group is alerted on again by events after those that were counted."""
    run.rule.groups = [one for one in run.rule.groups if times.seconds_of(one["end"]) > begin]
    threshold = run.body["threshold"]
    counted = [_counted(run, one, begin) for one in run.rule.groups]
    groups = [
        group
        for group in _groups(run, [rule_filter(run), span(run, begin, end)], counted)
        if group["doc_count"] >= threshold["value"]
        and all(
            group[f"c{number}"]["value"] >= one["value"]
            for number, one in enumerate(threshold.get("cardinality") or ())
        )
    ]
    before = run.created
    for group in groups:
        if run.created - before >= most:
            run.warn(LIMIT_REACHED)
            break
        create(run, [_alert(run, group, begin, end)])
        last = group["last"]["value"]
        end_at = times.iso(last / 1000) if last else times.iso(end)
        run.rule.groups.append({"key": group["key"], "end": end_at})


def _counted(run: Run, group: Body, begin: float) -> Body:
    terms = [{"term": {name: value}} for name, value in group["key"].items()]
    return {"bool": {"filter": [*terms, span(run, begin, times.seconds_of(group["end"]))]}}


def _groups(run: Run, filters: list[Body], counted: list[Body]) -> list[Body]:
    threshold = run.body["threshold"]
    primary, _ = run.timestamps
    inner: Body = {"first": {"min": {"field": primary}}, "last": {"max": {"field": primary}}}
    for number, one in enumerate(threshold.get("cardinality") or ()):
        inner[f"c{number}"] = {"cardinality": {"field": one["field"]}}
    query = {"bool": {"filter": filters, "must_not": counted}}
    path = f"/{','.join(run.searched)}/_search?ignore_unavailable=true&allow_no_indices=true"
    fields = [name for name in threshold["field"] if name]
    if not fields:
        body: Body = {"size": 0, "query": query, "aggs": inner, "track_total_hits": True}
        answer = run.simulator.cluster.asked("POST", path, body)
        count = answer["hits"]["total"]["value"]
        return [{"key": {}, "doc_count": count, **answer["aggregations"]}] if count else []
    sources = [{name: {"terms": {"field": name}}} for name in fields]
    aggs = {"groups": {"composite": {"sources": sources, "size": _GROUPS}, "aggs": inner}}
    answer = run.simulator.cluster.asked("POST", path, {"size": 0, "query": query, "aggs": aggs})
    found: list[Body] = answer.get("aggregations", {}).get("groups", {}).get("buckets", [])
    return found


def _alert(run: Run, group: Body, begin: float, end: float) -> tuple[str, Body]:
    terms = [{"field": name, "value": value} for name, value in group["key"].items()]
    last = group["last"]["value"]
    moment = times.iso(last / 1000) if last else times.iso(end)
    parts = [json.dumps(terms), moment]
    identifier = group_alert_id(parts, run.rule.id, run.space)
    source: Body = {"@timestamp": moment, **group["key"]}
    hit: Body = {"_index": ",".join(run.searched), "_id": identifier, "_source": source}
    result: Body = {
        "terms": terms,
        "count": group["doc_count"],
        "from": times.iso(group["first"]["value"] / 1000) if group["first"]["value"] else (
            times.iso(begin)
        ),
    }  # fmt: skip
    cardinality: list[Any] = [
        {"field": one["field"], "value": group[f"c{number}"]["value"]}
        for number, one in enumerate(run.body["threshold"].get("cardinality") or ())
    ]
    if cardinality:
        result["cardinality"] = cardinality
    return identifier, document(
        run.body,
        [hit],
        identifier=identifier,
        space=run.space,
        now=run.now,
        kibana_version=run.simulator.version.number,
        execution=run.execution,
        indices=run.searched,
        overrides={
            **overrides(run.body, source),
            "kibana.alert.threshold_result": result,
        },
    )
