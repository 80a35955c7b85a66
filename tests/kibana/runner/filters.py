"""What a rule asks Elasticsearch: its query, its filters, its exceptions, its span of time."""

from typing import Any

from tests.kibana import times
from tests.kibana.exceptions.store import Lists
from tests.kibana.kql_dsl import query_dsl
from tests.kibana.runner.outcome import Run

Query = dict[str, Any]


def rule_filter(run: Run) -> Query:
    """Query, filters and exceptions of a rule.

    Raises:
        KqlError: Its query cannot be read.
    """
    rule = run.body
    if rule.get("language") == "lucene":
        text = rule.get("query") or "*"
        query: Query = {"query_string": {"query": text, "analyze_wildcard": True}}
    else:
        query = query_dsl(rule.get("query") or "")
    filters, must_not = [query], _exceptions(run)
    for one in rule.get("filters") or ():
        meta = one.get("meta") or {}
        if meta.get("disabled"):
            continue
        asked = one.get("query") or {k: v for k, v in one.items() if k not in ("meta", "$state")}
        (must_not if meta.get("negate") else filters).append(asked)
    return {"bool": {"filter": filters, "must_not": must_not}}


def span(run: Run, begin: float, end: float) -> Query:
    """Events of a span, by the rule's time field, or by ``@timestamp`` where they lack it."""
    primary, secondary = run.timestamps
    bounds = {
        "gte": times.iso(begin),
        "lte": times.iso(end),
        "format": "strict_date_optional_time",
    }
    within: Query = {"range": {primary: bounds}}
    if secondary is None:
        return within
    lacking = {"bool": {"must_not": {"exists": {"field": primary}}}}
    other = {"bool": {"filter": [{"range": {secondary: bounds}}, lacking]}}
    return {"bool": {"should": [within, other], "minimum_should_match": 1}}


def _exceptions(run: Run) -> list[Query]:
    lists = run.simulator.kept(Lists, run.space)
    queries = []
    for reference in run.body.get("exceptions_list") or ():
        for item in lists.items_of(reference["list_id"]):
            expires = item.get("expire_time")
            if expires is None or times.seconds_of(expires) > run.started:
                queries.append({"bool": {"filter": [_entry(one) for one in item["entries"]]}})
    return queries


def _entry(entry: dict[str, Any]) -> Query:
    field = entry["field"]
    match entry["type"]:
        case "match":
            query: Query = {"match_phrase": {field: entry["value"]}}
        case "match_any":
            should = [{"match_phrase": {field: value}} for value in entry["value"]]
            query = {"bool": {"should": should, "minimum_should_match": 1}}
        case "wildcard":
            query = {"wildcard": {field: {"value": entry["value"]}}}
        case _:
            query = {"exists": {"field": field}}
    return {"bool": {"must_not": [query]}} if entry["operator"] == "excluded" else query
