"""The bodies that the Dashboards API of 9.4 and 9.5 takes, as a JSON Schema.

From Kibana's published source (``dashboard_state_schemas.ts`` and the examples beside it) and from
what the authors of kibana-py measured. Unknown keys are refused as there. Of a panel's ``config``
only what all charts share is looked at: which options a chart type has is the vendor's to say.
"""

from collections.abc import Iterator
from typing import Any, cast

from jsonschema import Draft202012Validator, ValidationError

GRID_COLUMNS = 48
PANEL_TYPES = {
    "preview": (
        *("apm_service_map", "discover_session", "esql_control", "field_stats_table", "image"),
        *("links", "markdown", "options_list_control", "range_slider_control", "slo_alerts"),
        *("slo_burn_rate", "slo_error_budget", "slo_overview", "synthetics_monitors"),
        *("synthetics_stats_overview", "time_slider_control", "vis"),
    )
}
PANEL_TYPES["ga"] = PANEL_TYPES["preview"]
_CHARTS = (
    *("data_table", "gauge", "heatmap", "legacy_metric", "metric", "mosaic", "pie"),
    *("region_map", "tag_cloud", "treemap", "waffle", "xy"),
)
_TEXT, _BOOLEAN = {"type": "string"}, {"type": "boolean"}


def _object(required: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


_WHOLE = {"type": "number"}
_GRID = _object(
    ("x", "y"),
    x=_WHOLE,
    y=_WHOLE,
    w={"type": "number", "minimum": 1, "maximum": GRID_COLUMNS},
    h={"type": "number", "minimum": 1},
)
_SOURCE = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {
            "enum": ["data_view_spec", "data_view_reference", "dataView", "esql", "table"],
        }
    },
    "allOf": [
        {
            "if": {"properties": {"type": {"const": "esql"}}},
            "then": {"required": ["query"], "properties": {"query": _TEXT}},
        },
        {
            "if": {"properties": {"type": {"const": "data_view_spec"}}},
            "then": {"required": ["index_pattern"], "properties": {"index_pattern": _TEXT}},
        },
        {
            "if": {"properties": {"type": {"const": "data_view_reference"}}},
            "then": {"required": ["ref_id"], "properties": {"ref_id": _TEXT}},
        },
    ],
}
_BY_VALUE = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": list(_CHARTS)},
        "data_source": _SOURCE,
        "layers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["type"],
                "properties": {"type": _TEXT, "data_source": _SOURCE},
            },
        },
        "metrics": {"type": "array", "minItems": 1, "items": {"type": "object"}},
    },
    "if": {"properties": {"type": {"const": "xy"}}},
    "then": {"required": ["layers"]},
    "else": {"required": ["data_source"]},
}
_CONFIGS = {
    "markdown": {
        "anyOf": [
            {"type": "object", "required": ["content"], "properties": {"content": _TEXT}},
            {"type": "object", "required": ["ref_id"], "properties": {"ref_id": _TEXT}},
        ]
    },
    "vis": {
        "anyOf": [
            {"type": "object", "required": ["ref_id"], "properties": {"ref_id": _TEXT}},
            _BY_VALUE,
        ]
    },
}


def _panel(stage: str) -> dict[str, Any]:
    known = list(PANEL_TYPES[stage])
    base = _object(
        ("grid", "type", "config"),
        grid=_GRID,
        uid=_TEXT,
        id=_TEXT,
        type={"enum": known},
        config={"type": "object"},
    )
    choices = [
        {"if": {"properties": {"type": {"const": kind}}}, "then": {"properties": {"config": rule}}}
        for kind, rule in _CONFIGS.items()
    ]
    return {**base, "allOf": choices}


def _section(stage: str) -> dict[str, Any]:
    return _object(
        ("title", "grid"),
        title=_TEXT,
        collapsed=_BOOLEAN,
        grid=_object(("y",), y=_WHOLE),
        panels={"type": "array", "maxItems": 100, "items": _panel(stage)},
        uid=_TEXT,
        id=_TEXT,
    )


def body(stage: str, *, creating: bool) -> dict[str, Any]:
    """The schema of a body in ``preview`` (9.4) or ``ga`` (9.5)."""
    options = (
        *("auto_apply_filters", "hide_panel_titles", "hide_panel_borders", "use_margins"),
        *("sync_colors", "sync_tooltips", "sync_cursor"),
    )
    properties: dict[str, Any] = {
        "title": _TEXT,
        "description": _TEXT,
        "panels": {
            "type": "array",
            "maxItems": 100,
            "items": {
                "if": {"required": ["config"]},
                "then": _panel(stage),
                "else": _section(stage),
            },
        },
        "pinned_panels": {"type": "array", "maxItems": 100, "items": {"type": "object"}},
        "filters": {"type": "array", "maxItems": 500, "items": {"type": "object"}},
        "options": _object(**dict.fromkeys(options, _BOOLEAN)),
        "query": _object(("expression",), expression=_TEXT, language={"enum": ["kql", "lucene"]}),
        "time_range": _object(
            ("from", "to"),
            **{
                "from": _TEXT,
                "to": _TEXT,
                "mode": {"type": "string", "enum": ["absolute", "relative"]},
            },
        ),
        "refresh_interval": _object(("pause", "value"), pause=_BOOLEAN, value=_WHOLE),
        "tags": {"type": "array", "maxItems": 100, "items": _TEXT},
        "project_routing": _TEXT,
    }
    if creating:
        properties["access_control"] = _object(
            access_mode={"enum": ["write_restricted", "default"]}
        )
    return _object(("title",), **properties)


def wrong(stage: str, given: object, *, creating: bool) -> str | None:
    """What Kibana's validation says of a body, or None where it is fine."""
    found = Draft202012Validator(body(stage, creating=creating)).iter_errors(given)
    first = min(
        _deepest(found), key=lambda error: list(map(str, error.absolute_path)), default=None
    )
    return None if first is None else _said(first)


def _deepest(errors: Iterator[ValidationError]) -> Iterator[ValidationError]:
    for error in errors:
        below = list(error.context or ())
        if below:
            yield max(below, key=lambda inner: len(inner.absolute_path))
        else:
            yield error


def _said(error: ValidationError) -> str:
    where, rule = ".".join(map(str, error.absolute_path)), cast("Any", error)
    if rule.validator == "additionalProperties":
        extra = sorted(set(rule.instance) - set(rule.schema.get("properties", ())))[0]
        where = f"{where}.{extra}" if where else extra
        return f"[request body.{where}]: definition for this key is missing"
    if rule.validator == "required":
        absent = next(name for name in rule.validator_value if name not in rule.instance)
        where = f"{where}.{absent}" if where else absent
        return f"[request body.{where}]: expected value of type [string] but got [undefined]"
    place = f"[request body.{where}]" if where else "[request body]"
    return f"{place}: {error.message}"
