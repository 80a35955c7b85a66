"""Formulas in the text form that Kibana reads."""

from scoreback.connectors.elastic.kibana.dashboards.definition import (
    Formula,
    Measure,
    query_of,
)

_SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
_FUNCTIONS = {"last": "last_value", "max": "max", "unique": "unique_count", "count": "count"}


def text_of(value: Formula | Measure | float) -> str:
    """*value* as a user would type it into Kibana's formula editor."""
    if isinstance(value, Measure):
        return _measure(value)
    if isinstance(value, Formula):
        arguments = [text_of(one) for one in value.arguments]
        sign = _SIGNS.get(value.function)
        if sign is None:
            return f"{value.function}({', '.join(arguments)})"
        bracketed = [
            f"({text})" if isinstance(one, Formula) and one.function in _SIGNS else text
            for one, text in zip(value.arguments, arguments, strict=True)
        ]
        return f" {sign} ".join(bracketed)
    return f"{value:g}"


def _measure(measure: Measure) -> str:
    arguments = [measure.field] if measure.field else []
    query = query_of(measure)
    if query:
        quoted = query.replace("\\", "\\\\").replace("'", "\\'")
        arguments.append(f"kql='{quoted}'")
    return f"{_FUNCTIONS[measure.operation]}({', '.join(arguments)})"
