"""Dashboards as bodies of Kibana's Dashboards API, which is supported from 9.5 on.

The shapes are those that Elastic documents for 9.5; they were never tried on a Kibana of that
version.
"""

from collections.abc import Callable, Mapping
from typing import Any

from scoreback.connectors.elastic.kibana.dashboards.colours import CALM, FILLS
from scoreback.connectors.elastic.kibana.dashboards.data import (
    DETECTOR,
    TIME_FIELD,
    Data,
    DataView,
    data_views,
)
from scoreback.connectors.elastic.kibana.dashboards.definition import (
    Dashboard,
    Figure,
    Formula,
    Measure,
    Panel,
    Rows,
    Show,
    Steps,
    query_of,
)
from scoreback.connectors.elastic.kibana.dashboards.formulas import text_of
from scoreback.connectors.elastic.kibana.dashboards.saved_objects import REFRESH
from scoreback.connectors.elastic.kibana.dashboards.visualizations import ROWS_A_PAGE

_SERIES = {"lines": "line", "columns": "bar_stacked", "bars": "bar_horizontal_stacked"}
_OPERATIONS = {"last": "last_value", "max": "max", "unique": "unique_count", "count": "count"}


def dashboard_body(dashboard: Dashboard, space: str = "default") -> dict[str, Any]:
    """The body of ``PUT /api/dashboards/{id}`` for *dashboard* in *space*."""
    views = data_views(space)
    return {
        "title": dashboard.title,
        "description": dashboard.description,
        "panels": [_panel(panel, views) for panel in dashboard.panels],
        "pinned_panels": [
            {
                "type": "options_list_control",
                "width": "medium",
                "grow": False,
                "config": {
                    "title": "Detector",
                    "data_view_id": views[Data.HEALTH].id,
                    "field_name": DETECTOR,
                },
            }
        ],
        "query": {"expression": "", "language": "kql"},
        "time_range": {"from": dashboard.since, "to": dashboard.until},
        "refresh_interval": {"pause": False, "value": REFRESH},
    }


def _panel(panel: Panel, views: Mapping[Data, DataView]) -> dict[str, Any]:
    config = {
        "title": panel.title,
        "description": panel.description,
        "query": _condition(panel.query),
        **_CONFIGS[panel.show](panel, views[panel.data]),
    }
    return {
        "type": "vis",
        "id": panel.id,
        "grid": {"x": panel.x, "y": panel.y, "w": panel.width, "h": panel.height},
        "config": config,
    }


def _metric(panel: Panel, view: DataView) -> dict[str, Any]:
    primary: dict[str, Any] = {"type": "primary", **_figure(panel.figures[0])}
    if panel.bar:
        limit = _figure(panel.figures[1])
        primary["background_chart"] = {
            "type": "bar",
            "orientation": "horizontal",
            "max_value": limit,
        }
    if panel.colours:
        primary["color"] = _colours(panel.colours, "percentage" if panel.bar else "absolute")
        primary["apply_color_to"] = "background"
    metrics = [primary, *({"type": "secondary", **_figure(one)} for one in panel.figures[1:])]
    broken_down = _bucket(panel.rows[0]) | {"columns": 3}
    if panel.collapse:
        broken_down["collapse_by"] = panel.collapse
    return {
        "type": "metric",
        **_layer(panel, view),
        "metrics": metrics,
        "breakdown_by": broken_down,
    }


def _table(panel: Panel, view: DataView) -> dict[str, Any]:
    rows = [
        _bucket(one) | _width(one.width) | ({"click_filter": True} if one.filter else {})
        for one in panel.rows
    ]
    metrics = []
    for figure in panel.figures:
        column = _figure(figure) | _width(figure.width)
        if figure.colours:
            column |= {
                "color": _colours(figure.colours, "absolute"),
                "apply_color_to": "background",
            }
        metrics.append(column)
    styling: dict[str, Any] = {
        "density": {"height": {"header": {"type": "auto"}, "value": {"type": "auto"}}},
        "paging": ROWS_A_PAGE,
    }
    if panel.sort is not None:
        styling["sort_by"] = {"column_type": "metric", "index": panel.sort, "direction": "desc"}
    return {
        "type": "data_table",
        **_layer(panel, view),
        "rows": rows,
        "metrics": metrics,
        "styling": styling,
    }


def _chart(panel: Panel, view: DataView) -> dict[str, Any]:
    figures = []
    for figure in panel.figures:
        made = _figure(figure) | {"axis": "y2" if figure.right else "y"}
        if figure.colour:
            made["color"] = {"type": "static", "color": FILLS[figure.colour]}
        figures.append(made)
    layer: dict[str, Any] = {
        "type": _SERIES[panel.show],
        **_layer(panel, view),
        "x": _bucket(panel.rows[0]),
        "y": figures,
    }
    if panel.split is not None:
        layer["breakdown_by"] = _bucket(panel.split)
    axis: dict[str, Any] = {
        "x": {"title": {"visible": False}},
        "y": {"title": {"visible": True, "text": panel.axis}},
    }
    if panel.range is not None:
        low, high = panel.range
        whole = low is None or high is None
        axis["y"]["domain"] = (
            {"type": "full"} if whole else {"type": "custom", "min": low, "max": high}
        )
    if panel.right_axis:
        axis["y2"] = {"title": {"visible": True, "text": panel.right_axis}}
    config: dict[str, Any] = {
        "type": "xy",
        "axis": axis,
        "legend": {"visibility": "visible", "position": "bottom"},
        "layers": [layer],
    }
    if panel.show == "lines":
        config["styling"] = {"fitting": {"type": "linear"}}
    return config


_CONFIGS: Mapping[Show, Callable[[Panel, DataView], dict[str, Any]]] = {
    "figure": _metric,
    "table": _table,
    "lines": _chart,
    "columns": _chart,
    "bars": _chart,
}


def _layer(panel: Panel, view: DataView) -> dict[str, Any]:
    source = {"data_source": {"type": "data_view_reference", "ref_id": view.id}}
    # Choosing a detector would empty panels whose data has no such field.
    alone = {"ignore_global_filters": True} if panel.data == Data.ALERTS else {}
    return {**source, **alone}


def _bucket(rows: Rows) -> dict[str, Any]:
    if rows.hours:
        return {
            "operation": "date_histogram",
            "label": rows.name,
            "field": rows.field,
            "suggested_interval": f"{rows.hours}h",
            "include_empty_rows": True,
        }
    rank: dict[str, Any] = {"type": "alphabetical", "direction": "asc"}
    if rows.by is not None:
        rank = {"type": "metric", "metric_index": rows.by, "direction": "desc"}
    return {
        "operation": "terms",
        "label": rows.name,
        "fields": [rows.field],
        "limit": rows.size,
        "rank_by": rank,
    }


def _figure(figure: Figure) -> dict[str, Any]:
    made: dict[str, Any] = {"label": figure.name, **_operation(figure.value, figure)}
    if figure.percent is not None:
        made["format"] = {"type": "percent", "decimals": figure.percent}
    elif figure.decimals is not None or figure.unit:
        made["format"] = {"type": "number", "decimals": figure.decimals or 0}
        if figure.unit:
            made["format"]["suffix"] = f" {figure.unit}"
    return made


def _operation(value: Formula | Measure, figure: Figure) -> dict[str, Any]:
    if isinstance(value, Formula):
        return {"operation": "formula", "formula": text_of(value)}
    made: dict[str, Any] = {"operation": _OPERATIONS[value.operation]}
    if value.field:
        made["field"] = value.field
    if value.operation == "last":
        made |= {"time_field": TIME_FIELD, "multi_value": figure.list}
        query = query_of(value)
        if query:
            made["filter"] = _condition(query)
    elif value.operation != "max":
        made["empty_as_null"] = False
    return made


def _colours(steps: Steps, kind: str) -> dict[str, Any]:
    """Colours from the first value that has one; lower values have none."""
    shown = [(value, FILLS[colour]) for value, colour in steps if colour != CALM]
    made: list[dict[str, Any]] = []
    for number, (value, colour) in enumerate(shown):
        step: dict[str, Any] = {"gte": value, "color": colour}
        if number + 1 < len(shown):
            step["lt"] = shown[number + 1][0]
        made.append(step)
    return {"type": "dynamic", "range": kind, "steps": made}


def _condition(query: str) -> dict[str, str]:
    return {"expression": query, "language": "kql"}


def _width(pixels: int) -> dict[str, Any]:
    return {"width": pixels} if pixels else {}
