"""The shapes of Kibana's Dashboards API that our dashboards use, strictly, as 9.5 documents them.

Written down by us from the documentation: an oracle of our reading of it, not Elastic's own.
"""

from collections.abc import Mapping
from typing import Any

TEXT = {"type": "string"}
LABEL = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}


def strict(required: Mapping[str, Any], **optional: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": {**required, **optional},
        "required": list(required),
        "additionalProperties": False,
    }


def one_of(*shapes: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": list(shapes)}


def const(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


CONDITION = strict({"expression": TEXT, "language": const("kql", "lucene")})
FORMAT = one_of(
    strict({"type": const("number", "percent"), "decimals": COUNT}, suffix=TEXT, compact={})
)
COLOUR = {"type": "string", "pattern": "^#[0-9A-F]{6}$"}
STATIC = strict({"type": const("static"), "color": COLOUR})
DYNAMIC = strict(
    {
        "type": const("dynamic"),
        "range": const("absolute", "percentage"),
        "steps": {
            "type": "array",
            "minItems": 1,
            "items": strict(
                {"gte": {"type": "number"}, "color": COLOUR},
                lt={"type": "number"},
            ),
        },
    }
)


def measures(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """What a value of documents can be, with *more* keys of where it stands."""
    named = {"label": LABEL, "format": FORMAT, "filter": CONDITION, **more}
    return one_of(
        strict(
            {
                "operation": const("last_value"),
                "field": LABEL,
                "time_field": LABEL,
                "multi_value": {"type": "boolean"},
            },
            **named,
        ),
        strict({"operation": const("max", "min", "average"), "field": LABEL}, **named),
        strict(
            {
                "operation": const("unique_count"),
                "field": LABEL,
                "empty_as_null": {"type": "boolean"},
            },
            **named,
        ),
        strict({"operation": const("count"), "empty_as_null": {"type": "boolean"}}, **named),
        strict({"operation": const("formula"), "formula": LABEL}, **named),
    )


def buckets(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    rank = one_of(
        strict({"type": const("alphabetical"), "direction": const("asc", "desc")}),
        strict({"type": const("metric"), "metric_index": COUNT, "direction": const("asc", "desc")}),
    )
    return one_of(
        strict(
            {
                "operation": const("terms"),
                "fields": {"type": "array", "items": LABEL, "minItems": 1, "maxItems": 4},
                "limit": {"type": "integer", "minimum": 1, "maximum": 1000},
                "rank_by": rank,
            },
            label=LABEL,
            **more,
        ),
        strict(
            {
                "operation": const("date_histogram"),
                "field": LABEL,
                "suggested_interval": {"type": "string", "pattern": r"^\d+[smhd]$"},
                "include_empty_rows": {"type": "boolean"},
            },
            label=LABEL,
            **more,
        ),
    )


SOURCE = strict({"type": const("data_view_reference"), "ref_id": LABEL})
LAYER = {"data_source": SOURCE}
ALONE = {"ignore_global_filters": {"type": "boolean"}}
SHARED = {"title": TEXT, "description": TEXT, "query": CONDITION}
COLLAPSE = const("sum", "max", "min", "avg")
APPLY = const("background", "value")
METRIC = strict(
    {
        "type": const("metric"),
        **LAYER,
        "metrics": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "prefixItems": [
                measures(
                    type=const("primary"),
                    color=one_of(DYNAMIC, STATIC),
                    apply_color_to=APPLY,
                    background_chart=strict(
                        {"type": const("bar"), "max_value": measures()},
                        orientation=const("horizontal", "vertical"),
                    ),
                ),
                measures(type=const("secondary")),
            ],
        },
    },
    breakdown_by=buckets(columns=COUNT, collapse_by=COLLAPSE),
    **SHARED,
    **ALONE,
)
TABLE = strict(
    {
        "type": const("data_table"),
        **LAYER,
        "metrics": {
            "type": "array",
            "minItems": 1,
            "items": measures(
                color=DYNAMIC, apply_color_to=const("background", "value", "badge"), width=COUNT
            ),
        },
    },
    rows={
        "type": "array",
        "minItems": 1,
        "items": buckets(width=COUNT, click_filter={"type": "boolean"}),
    },
    styling=strict(
        {},
        density=strict(
            {},
            height=strict(
                {}, header=strict({"type": const("auto")}), value=strict({"type": const("auto")})
            ),
        ),
        paging={"enum": [10, 20, 30, 50, 100]},
        sort_by=strict(
            {
                "column_type": const("metric", "row"),
                "index": COUNT,
                "direction": const("asc", "desc"),
            }
        ),
    ),
    **SHARED,
    **ALONE,
)
TITLE = strict({"visible": {"type": "boolean"}}, text=TEXT)
DOMAIN = one_of(
    strict({"type": const("full")}),
    strict({"type": const("custom"), "min": {"type": "number"}, "max": {"type": "number"}}),
)
AXIS = strict({}, title=TITLE, domain=DOMAIN)
XY = strict(
    {
        "type": const("xy"),
        "layers": {
            "type": "array",
            "minItems": 1,
            "items": strict(
                {
                    "type": const("line", "bar_stacked", "bar_horizontal_stacked"),
                    **LAYER,
                    "y": {
                        "type": "array",
                        "minItems": 1,
                        "items": measures(axis=const("y", "y2"), color=STATIC),
                    },
                },
                x=buckets(),
                breakdown_by=buckets(),
                **ALONE,
            ),
        },
    },
    axis=strict({}, x=strict({}, title=TITLE), y=AXIS, y2=AXIS),
    legend=strict(
        {}, visibility=const("visible", "hidden", "auto"), position=const("bottom", "top")
    ),
    styling=strict({}, fitting=strict({"type": const("none", "linear", "carry", "nearest")})),
    **SHARED,
)
GRID = strict(
    {
        "x": {"type": "integer", "minimum": 0, "maximum": 47},
        "y": COUNT,
        "w": {"type": "integer", "minimum": 1, "maximum": 48},
        "h": {"type": "integer", "minimum": 1},
    }
)
DASHBOARD = strict(
    {"title": LABEL},
    description=TEXT,
    panels={
        "type": "array",
        "items": strict(
            {
                "type": const("vis"),
                "id": {"type": "string", "pattern": "^[a-z_]+$"},
                "grid": GRID,
                "config": one_of(METRIC, TABLE, XY),
            }
        ),
    },
    pinned_panels={
        "type": "array",
        "items": strict(
            {
                "type": const("options_list_control"),
                "config": strict({"data_view_id": LABEL, "field_name": LABEL}, title=TEXT),
            },
            width=const("small", "medium", "large"),
            grow={"type": "boolean"},
        ),
    },
    query=CONDITION,
    time_range=strict({"from": LABEL, "to": LABEL}),
    refresh_interval=strict({"pause": {"type": "boolean"}, "value": COUNT}),
)


def as_preview(body: Mapping[str, Any]) -> dict[str, Any]:
    """*body* in the envelope of the API's preview, whose own description lies beside us.

    The names of panels, grid, filters and times differ there; what a panel's config says is open.
    """
    return {
        "data": {
            "title": body["title"],
            "description": body["description"],
            "panels": [
                {
                    "type": panel["type"],
                    "uid": panel["id"],
                    "grid": panel["grid"],
                    "config": panel["config"],
                }
                for panel in body["panels"]
            ],
            "query": {
                "query": body["query"]["expression"],
                "language": "kuery",
            },
            "timeRange": body["time_range"],
            "refreshInterval": body["refresh_interval"],
            "controlGroupInput": {
                "controls": [
                    {
                        "type": control["type"],
                        "order": number,
                        "width": control["width"],
                        "grow": control["grow"],
                        "controlConfig": control["config"],
                    }
                    for number, control in enumerate(body["pinned_panels"])
                ]
            },
        }
    }
