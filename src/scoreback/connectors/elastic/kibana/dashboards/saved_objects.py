"""Dashboards and data views as saved objects, which Kibana 8.19 to 9.4 imports."""

import json
from collections.abc import Mapping
from typing import Any

from scoreback.connectors.elastic.kibana.dashboards.columns import columns_of, figure_id
from scoreback.connectors.elastic.kibana.dashboards.data import (
    DETECTOR,
    TIME_FIELD,
    Data,
    DataView,
    data_views,
    in_space,
)
from scoreback.connectors.elastic.kibana.dashboards.definition import Dashboard, Panel
from scoreback.connectors.elastic.kibana.dashboards.visualizations import (
    LAYER,
    LIMIT,
    visualization_of,
)

DASHBOARD, INDEX_PATTERN = "dashboard", "index-pattern"
REFRESH = 300_000  # milliseconds
# The oldest shapes that Kibana 8.19 accepts; it and all later versions migrate them.
_DASHBOARD_SHAPE = {"coreMigrationVersion": "8.8.0", "typeMigrationVersion": "10.2.0"}
_DATA_VIEW_SHAPE = {"coreMigrationVersion": "8.8.0", "typeMigrationVersion": "8.0.0"}
_REFERENCE = f"indexpattern-datasource-layer-{LAYER}"
_CONTROL = "detector"


def dashboard_object(dashboard: Dashboard, space: str = "default") -> dict[str, Any]:
    """*dashboard* as a saved object of *space*, with JSON texts inside where Kibana wants them."""
    views = data_views(space)
    panels = [_panel(panel, views) for panel in dashboard.panels]
    references = [
        _reference(f"{panel.id}:{_REFERENCE}", views[panel.data]) for panel in dashboard.panels
    ]
    references.append(
        _reference(f"controlGroup_{_CONTROL}:optionsListDataView", views[Data.HEALTH])
    )
    options = {
        "useMargins": True,
        "syncColors": True,
        "syncCursor": True,
        "syncTooltips": False,
        "hidePanelTitles": False,
    }
    return {
        "type": DASHBOARD,
        "id": in_space(dashboard.name, space),
        "attributes": {
            "title": dashboard.title,
            "description": dashboard.description,
            "panelsJSON": _text(panels),
            "optionsJSON": _text(options),
            "controlGroupInput": _controls(),
            "timeRestore": True,
            "timeFrom": dashboard.since,
            "timeTo": dashboard.until,
            "refreshInterval": {"pause": False, "value": REFRESH},
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": _text(
                    {"query": {"query": "", "language": "kuery"}, "filter": []}
                )
            },
            "version": 1,
        },
        "references": references,
        **_DASHBOARD_SHAPE,
    }


def data_view_object(view: DataView) -> dict[str, Any]:
    """*view* as a saved object."""
    return {
        "type": INDEX_PATTERN,
        "id": view.id,
        "attributes": data_view_attributes(view),
        "references": [],
        **_DATA_VIEW_SHAPE,
    }


def data_view_attributes(view: DataView) -> dict[str, Any]:
    """The attributes of a data view."""
    return {
        "title": view.title,
        "name": view.name,
        "timeFieldName": TIME_FIELD,
        "allowNoIndex": True,
    }


def line(saved: Mapping[str, Any]) -> str:
    """One line of an NDJSON file."""
    return _text(saved) + "\n"


def _panel(panel: Panel, views: Mapping[Data, DataView]) -> dict[str, Any]:
    type_of, look = visualization_of(panel)
    columns = columns_of(panel)
    if panel.bar:  # a separate dimension, because each of Lens's has one column
        columns[LIMIT] = columns[figure_id(1)]
    layer = {
        "columns": columns,
        "columnOrder": list(columns),
        "incompleteColumns": {},
        "sampling": 1,
        # Choosing a detector would empty panels whose data has no such field.
        "ignoreGlobalFilters": panel.data == Data.ALERTS,
    }
    attributes = {
        "title": panel.title,
        "description": panel.description,
        "visualizationType": type_of,
        "type": "lens",
        "references": [_reference(_REFERENCE, views[panel.data])],
        "state": {
            "visualization": look,
            "query": {"query": panel.query, "language": "kuery"},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }
    return {
        "type": "lens",
        "panelIndex": panel.id,
        "title": panel.title,
        "gridData": {
            "x": panel.x,
            "y": panel.y,
            "w": panel.width,
            "h": panel.height,
            "i": panel.id,
        },
        "embeddableConfig": {
            "attributes": attributes,
            "description": panel.description,
            "enhancements": {},
        },
    }


def _controls() -> dict[str, Any]:
    chosen = {
        _CONTROL: {
            "type": "optionsListControl",
            "order": 0,
            "grow": False,
            "width": "medium",
            "explicitInput": {
                "id": _CONTROL,
                "fieldName": DETECTOR,
                "title": "Detector",
                "selectedOptions": [],
                "searchTechnique": "wildcard",
                "sort": {"by": "_key", "direction": "asc"},
                "enhancements": {},
            },
        }
    }
    ignored = dict.fromkeys(
        ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False
    )
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "showApplySelections": False,
        "ignoreParentSettingsJSON": _text(ignored),
        "panelsJSON": _text(chosen),
    }


def _reference(name: str, view: DataView) -> dict[str, str]:
    return {"type": INDEX_PATTERN, "id": view.id, "name": name}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
