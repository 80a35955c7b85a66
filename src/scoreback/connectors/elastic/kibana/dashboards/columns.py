"""The columns of a layer as Lens stores them in saved objects, under stable ids."""

from collections.abc import Iterator
from typing import Any

from scoreback.connectors.elastic.kibana.dashboards.data import TIME_FIELD
from scoreback.connectors.elastic.kibana.dashboards.definition import (
    Figure,
    Formula,
    Measure,
    Panel,
    Rows,
    query_of,
)
from scoreback.connectors.elastic.kibana.dashboards.formulas import text_of

RECORDS = "___records___"
_LENS = {"last": "last_value", "max": "max", "unique": "unique_count", "count": "count"}


def row_id(number: int) -> str:
    """The id of the column with a panel's rows."""
    return f"row{number}"


def figure_id(number: int) -> str:
    """The id of the column with a panel's figure."""
    return f"figure{number}"


SPLIT = "split"


def columns_of(panel: Panel) -> dict[str, dict[str, Any]]:
    """The columns of *panel*: buckets first, and the parts of a formula before it."""
    found: dict[str, dict[str, Any]] = {}
    for number, rows in enumerate(panel.rows):
        found[row_id(number)] = _bucket(rows)
    if panel.split is not None:
        # Documents are split first, so that each series has a value for each hour.
        found = {SPLIT: _bucket(panel.split), **found}
    for number, figure in enumerate(panel.figures):
        found |= dict(_figure(figure_id(number), figure))
    return found


def _bucket(rows: Rows) -> dict[str, Any]:
    column: dict[str, Any] = {
        "label": rows.name,
        "customLabel": True,
        "isBucketed": True,
        "sourceField": rows.field,
    }
    if rows.hours:
        return column | {
            "dataType": "date",
            "operationType": "date_histogram",
            "scale": "interval",
            "params": {
                "interval": f"{rows.hours}h",
                "includeEmptyRows": True,
                "dropPartials": False,
            },
        }
    ranked = rows.by is not None
    order: dict[str, Any] = {"type": "alphabetical", "fallback": False}
    if rows.by is not None:
        order = {"type": "column", "columnId": figure_id(rows.by)}
    return column | {
        "dataType": "string",
        "operationType": "terms",
        "scale": "ordinal",
        "params": {
            "size": rows.size,
            "orderBy": order,
            "orderDirection": "desc" if ranked else "asc",
            "otherBucket": False,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
        },
    }


def _figure(column: str, figure: Figure) -> Iterator[tuple[str, dict[str, Any]]]:
    shown: dict[str, Any] = {"label": figure.name, "customLabel": True}
    look = _format(figure)
    if isinstance(figure.value, Measure):
        made = _measure(figure.value, listed=figure.list)
        yield column, made | shown | {"params": made["params"] | look}
        return
    parts: dict[str, Measure] = {}
    syntax = _syntax(figure.value, column, parts)
    text = text_of(figure.value)
    part: dict[str, Any] = {"label": f"Part of {text}", "customLabel": True}
    for name, measure in parts.items():
        yield name, _measure(measure, listed=False) | part
    whole = f"{column}X{len(parts)}"
    yield (
        whole,
        part
        | {
            "dataType": "number",
            "operationType": "math",
            "isBucketed": False,
            "scale": "ratio",
            "params": {"tinymathAst": syntax},
            "references": list(parts),
        },
    )
    yield (
        column,
        shown
        | {
            "dataType": "number",
            "operationType": "formula",
            "isBucketed": False,
            "scale": "ratio",
            "params": {"formula": text, "isFormulaBroken": False} | look,
            "references": [whole],
        },
    )


def _syntax(formula: Formula, column: str, parts: dict[str, Measure]) -> dict[str, Any]:
    """The tree of *formula* as Kibana's parser builds it; adds its measures to *parts*."""
    arguments: list[Any] = []
    for argument in formula.arguments:
        if isinstance(argument, Formula):
            arguments.append(_syntax(argument, column, parts))
        elif isinstance(argument, Measure):
            name = next((n for n, known in parts.items() if known == argument), None)
            if name is None:
                name = f"{column}X{len(parts)}"
                parts[name] = argument
            arguments.append(name)
        else:
            arguments.append(argument)
    text = text_of(formula)
    return {
        "type": "function",
        "name": formula.function,
        "args": arguments,
        "location": {"min": 0, "max": len(text)},
        "text": text,
    }


def _measure(measure: Measure, *, listed: bool) -> dict[str, Any]:
    column: dict[str, Any] = {
        "dataType": measure.type,
        "operationType": _LENS[measure.operation],
        "isBucketed": False,
        "scale": "ratio" if measure.type in ("number", "date") else "ordinal",
        "sourceField": measure.field or RECORDS,
        "params": {},
    }
    if measure.operation == "last":
        column["params"] = {"sortField": TIME_FIELD, "showArrayValues": listed}
        query = query_of(measure)
        if query:
            column["filter"] = {"query": query, "language": "kuery"}
    elif measure.operation in ("unique", "count"):
        column["params"] = {"emptyAsNull": False}
    return column


def _format(figure: Figure) -> dict[str, Any]:
    if figure.percent is not None:
        return {"format": {"id": "percent", "params": {"decimals": figure.percent}}}
    if figure.decimals is None and not figure.unit:
        return {}
    params: dict[str, Any] = {"decimals": figure.decimals or 0}
    if figure.unit:
        params["suffix"] = f" {figure.unit}"
    return {"format": {"id": "number", "params": params}}
