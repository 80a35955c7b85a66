"""What Lens asks Elasticsearch for a panel, and the table that it makes of the answer.

Read from the saved object, as Kibana would, and not from our definition. The last value is asked as
a hit, which the core server has; Kibana asks ``top_metrics`` for the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.packaging.elastic_dashboards import Lens

Row = dict[str, Any]
_HIT, _FILTERED = "hit", "filtered"


def search_of(lens: Lens, *, since: str, until: str, only: str = "") -> dict[str, Any]:
    """The search of *lens* in a window; *only* for the detector of that name, as one chooses it."""
    chosen = [{"term": {"scoreback.detector": only}}] if only else []
    query = [
        {"range": {"@timestamp": {"gte": since, "lte": until}}},
        *([kql(lens.query)] if lens.query else []),
        *chosen,
    ]
    buckets = [name for name in lens.order if lens.columns[name]["isBucketed"]]
    aggs = {name: _metric(column) for name, column in lens.columns.items() if _asked(column)}
    for name in reversed(buckets):
        aggs = {name: _bucket(lens, name) | {"aggs": aggs | _ranked(lens, name)}}
    return {"size": 0, "track_total_hits": True, "query": {"bool": {"filter": query}}, "aggs": aggs}


def rows_of(lens: Lens, answer: Mapping[str, Any]) -> list[Row]:
    """The rows that *answer* gives, each with a value for each column."""
    buckets = [name for name in lens.order if lens.columns[name]["isBucketed"]]
    rows = list(_rows(lens, answer["aggregations"], buckets, {}))
    for row in rows:
        for name, column in lens.columns.items():
            if column["operationType"] == "math":
                row[name] = _calculated(column["params"]["tinymathAst"], row)
        for name, column in lens.columns.items():
            if column["operationType"] == "formula":
                row[name] = row[column["references"][0]]
    ordered = lens.look.get("sorting")
    if ordered:
        known = [row for row in rows if row[ordered["columnId"]] is not None]
        known.sort(key=lambda row: row[ordered["columnId"]], reverse=True)
        rows = known + [row for row in rows if row[ordered["columnId"]] is None]
    return rows


def collapsed(lens: Lens, rows: Sequence[Row]) -> list[Row]:
    """*rows* as one, as far as the panel collapses them."""
    how = lens.look.get("collapseFn")
    if not how or not rows:
        return list(rows)
    whole: Row = {}
    for name in rows[0]:
        values = [row[name] for row in rows if isinstance(row[name], int | float)]
        if values and not lens.columns[name]["isBucketed"]:
            whole[name] = sum(values) if how == "sum" else max(values)
    return [whole]


def _asked(column: Mapping[str, Any]) -> bool:
    return not column["isBucketed"] and column["operationType"] not in ("formula", "math")


def _bucket(lens: Lens, name: str) -> dict[str, Any]:
    column = lens.columns[name]
    params = column["params"]
    if column["operationType"] == "date_histogram":
        return {
            "date_histogram": {
                "field": column["sourceField"],
                "fixed_interval": params["interval"],
                "min_doc_count": 1,
            }
        }
    order: dict[str, str] = {"_key": params["orderDirection"]}
    if params["orderBy"]["type"] == "column":
        ranked = params["orderBy"]["columnId"]
        operation = lens.columns[ranked]["operationType"]
        by = "_count" if operation == "count" else _path(lens.columns[ranked], ranked)
        order = {by: params["orderDirection"]}
    return {"terms": {"field": column["sourceField"], "size": params["size"], "order": order}}


def _ranked(lens: Lens, name: str) -> dict[str, Any]:
    """What the values of a bucket are ranked by, which has to stand right below it."""
    order = lens.columns[name]["params"].get("orderBy", {})
    ranked = lens.columns.get(order.get("columnId", ""))
    return {} if ranked is None else {order["columnId"]: _metric(ranked)}


def _path(column: Mapping[str, Any], name: str) -> str:
    return f"{name}>{_HIT}" if "filter" in column else name


def _metric(column: Mapping[str, Any]) -> dict[str, Any]:
    operation, field = column["operationType"], column["sourceField"]
    if operation == "last_value":
        sort = [{column["params"]["sortField"]: "desc"}]
        fields = [{"field": field}]
        made: dict[str, Any] = {
            "top_hits": {"size": 1, "sort": sort, "docvalue_fields": fields, "_source": False}
        }
    elif operation == "unique_count":
        made = {"cardinality": {"field": field}}
    elif operation == "count":
        made = {"value_count": {"field": "_index"}}
    else:
        made = {operation: {"field": field}}
    if "filter" in column:
        return {"filter": kql(column["filter"]["query"]), "aggs": {_HIT: made}}
    return made


def _rows(
    lens: Lens, found: Mapping[str, Any], buckets: Sequence[str], above: Row
) -> Iterator[Row]:
    if not buckets:
        values = {
            name: _value(column, found[name])
            for name, column in lens.columns.items()
            if _asked(column)
        }
        yield above | values
        return
    name, *below = buckets
    for bucket in found[name]["buckets"]:
        key = bucket.get("key_as_string", bucket["key"])
        yield from _rows(lens, bucket, below, {**above, name: key})


def _value(column: Mapping[str, Any], found: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if "filter" in column:
        found = found[_HIT]
    if column["operationType"] != "last_value":
        value = found["value"]
        return found.get("value_as_string", value) if column["dataType"] == "date" else value
    hits = found["hits"]["hits"]
    values = hits[0].get("fields", {}).get(column["sourceField"]) if hits else None
    if not values:
        return None
    return values if column["params"]["showArrayValues"] else values[-1]


def _calculated(syntax: Mapping[str, Any], row: Row) -> float | None:
    given = [
        _calculated(one, row) if isinstance(one, Mapping) else row.get(one, one)
        for one in syntax["args"]
    ]
    if any(one is None for one in given):
        return None
    values = [float(one) for one in given if one is not None]
    match syntax["name"]:
        case "add":
            return values[0] + values[1]
        case "subtract":
            return values[0] - values[1]
        case "divide":
            return values[0] / values[1] if values[1] else None
        case "pick_max":
            return max(values)
        case other:
            raise AssertionError(f"{other} is not a function of ours")


_CONDITION = re.compile(r'\s*(not )?([\w.@]+) : (\*|true|false|"(?:[^"\\]|\\.)*"|\((.*?)\))\s*')
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


def kql(text: str) -> dict[str, Any]:
    """A query of Kibana's language as Elasticsearch has it; what our panels say, and no more."""
    must: list[dict[str, Any]] = []
    must_not: list[dict[str, Any]] = []
    for part in text.split(" and "):
        found = _CONDITION.fullmatch(part)
        assert found is not None, part
        negated, field, value, several = found[1], found[2], found[3], found[4]
        if value == "*":
            one: dict[str, Any] = {"exists": {"field": field}}
        elif several is not None:
            one = {"terms": {field: _TEXT.findall(several)}}
        else:
            given = value == "true" if value in ("true", "false") else value[1:-1]
            one = {"term": {field: given}}
        (must_not if negated else must).append(one)
    return {"bool": {"filter": must, "must_not": must_not}}
