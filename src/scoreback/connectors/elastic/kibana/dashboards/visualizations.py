"""The look of a panel as Lens stores it in saved objects: figures, tables and charts."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from scoreback.connectors.elastic.kibana.dashboards.colours import CALM, FILLS
from scoreback.connectors.elastic.kibana.dashboards.columns import SPLIT, figure_id, row_id
from scoreback.connectors.elastic.kibana.dashboards.definition import Panel, Show, Steps

LAYER = "layer"
LIMIT = "limit"  # the column with the maximum of a bar
ROWS_A_PAGE = 20
_SERIES = {"lines": "line", "columns": "bar_stacked", "bars": "bar_horizontal_stacked"}


def visualization_of(panel: Panel) -> tuple[str, dict[str, Any]]:
    """The type of Lens's visualization for *panel*, and its state."""
    made, type_of = _MADE[panel.show]
    return type_of, made(panel)


def _metric(panel: Panel) -> dict[str, Any]:
    state: dict[str, Any] = {
        "layerId": LAYER,
        "layerType": "data",
        "metricAccessor": figure_id(0),
        "breakdownByAccessor": row_id(0),
        "maxCols": 3,
    }
    if len(panel.figures) > 1:
        state["secondaryMetricAccessor"] = figure_id(1)
    if panel.collapse:
        state["collapseFn"] = panel.collapse
    if panel.bar:
        state |= {"maxAccessor": LIMIT, "showBar": True, "progressDirection": "horizontal"}
    if panel.colours:
        state["palette"] = _palette(panel.colours, percent=panel.bar)
    return state


def _table(panel: Panel) -> dict[str, Any]:
    columns: list[dict[str, Any]] = []
    for number, rows in enumerate(panel.rows):
        columns.append({"columnId": row_id(number), "isTransposed": False, **_width(rows.width)})
        if rows.filter:
            columns[-1]["oneClickFilter"] = True
    for number, figure in enumerate(panel.figures):
        column = {"columnId": figure_id(number), "isTransposed": False, **_width(figure.width)}
        if figure.colours:
            column |= {"colorMode": "cell", "palette": _palette(figure.colours)}
        columns.append(column)
    state: dict[str, Any] = {
        "layerId": LAYER,
        "layerType": "data",
        "columns": columns,
        "rowHeight": "auto",
        "headerRowHeight": "auto",
        "paging": {"size": ROWS_A_PAGE, "enabled": True},
    }
    if panel.sort is not None:
        state["sorting"] = {"columnId": figure_id(panel.sort), "direction": "desc"}
    return state


def _chart(panel: Panel) -> dict[str, Any]:
    series = _SERIES[panel.show]
    configured = []
    for number, figure in enumerate(panel.figures):
        one: dict[str, Any] = {"forAccessor": figure_id(number)}
        one["axisMode"] = "right" if figure.right else "left"
        if figure.colour:
            one["color"] = FILLS[figure.colour]
        configured.append(one)
    layer: dict[str, Any] = {
        "layerId": LAYER,
        "layerType": "data",
        "seriesType": series,
        "xAccessor": row_id(0),
        "accessors": [figure_id(number) for number in range(len(panel.figures))],
        "yConfig": configured,
    }
    if panel.split is not None:
        layer["splitAccessor"] = SPLIT
    state: dict[str, Any] = {
        "preferredSeriesType": series,
        "layers": [layer],
        "legend": {"isVisible": True, "position": "bottom"},
        "valueLabels": "show" if panel.show == "bars" else "hide",
        "fittingFunction": "Linear" if panel.show == "lines" else "None",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": True, "yRight": True},
        "yTitle": panel.axis,
    }
    if panel.right_axis:
        state["yRightTitle"] = panel.right_axis
    if panel.range is not None:
        state["yLeftExtent"] = _extent(*panel.range)
    return state


_MADE: Mapping[Show, tuple[Callable[[Panel], dict[str, Any]], str]] = {
    "figure": (_metric, "lnsMetric"),
    "table": (_table, "lnsDatatable"),
    "lines": (_chart, "lnsXY"),
    "columns": (_chart, "lnsXY"),
    "bars": (_chart, "lnsXY"),
}


def _extent(low: float | None, high: float | None) -> dict[str, Any]:
    if low is None or high is None:
        return {"mode": "full"}
    return {"mode": "custom", "lowerBound": low, "upperBound": high}


def _width(pixels: int) -> dict[str, Any]:
    return {"width": pixels} if pixels else {}


def _palette(steps: Steps, *, percent: bool = False) -> dict[str, Any]:
    """Colours from the first value that has one; lower values have none."""
    shown = [(value, FILLS[colour]) for value, colour in steps if colour != CALM]
    ends = [above for (_, _), (above, _) in pairwise(shown)]
    ends.append(shown[-1][0] + 1)
    params = {
        "name": "custom",
        "rangeType": "percent" if percent else "number",
        "rangeMin": shown[0][0],
        "rangeMax": None,
        "continuity": "above",
        "progression": "fixed",
        "reverse": False,
        "steps": len(shown),
        "stops": [
            {"color": colour, "stop": end} for (_, colour), end in zip(shown, ends, strict=True)
        ],
        "colorStops": [{"color": colour, "stop": start} for start, colour in shown],
    }
    return {"type": "palette", "name": "custom", "params": params}
