"""The dashboards of Kibana as tests look at them: saved objects taken apart, and search bodies."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoreback.connectors.elastic.kibana.dashboards.definition import Dashboard, dashboards
from scoreback.connectors.elastic.kibana.dashboards.saved_objects import dashboard_object

LAYER_REFERENCE = "indexpattern-datasource-layer-"


@dataclass(frozen=True, kw_only=True)
class Lens:
    """One panel of a saved dashboard."""

    dashboard: str
    id: str
    title: str
    description: str
    type: str  # of the visualization
    grid: Mapping[str, Any]
    look: Mapping[str, Any]
    query: str
    layer: str
    columns: Mapping[str, Mapping[str, Any]]
    order: Sequence[str]
    view: str  # id of the data view
    references: Sequence[Mapping[str, str]]


def saved() -> dict[str, dict[str, Any]]:
    """The dashboards as saved objects, by name."""
    return {one.name: dashboard_object(one) for one in dashboards()}


def by_name() -> dict[str, Dashboard]:
    """The definitions, by name."""
    return {one.name: one for one in dashboards()}


def panels_of(dashboard: Mapping[str, Any]) -> Iterator[Lens]:
    """The panels of a saved dashboard."""
    for panel in json.loads(dashboard["attributes"]["panelsJSON"]):
        attributes = panel["embeddableConfig"]["attributes"]
        state = attributes["state"]
        [(layer, held)] = state["datasourceStates"]["formBased"]["layers"].items()
        [view] = [
            one["id"]
            for one in attributes["references"]
            if one["name"] == f"{LAYER_REFERENCE}{layer}"
        ]
        yield Lens(
            dashboard=dashboard["id"],
            id=panel["panelIndex"],
            title=panel["title"],
            description=attributes["description"],
            type=attributes["visualizationType"],
            grid=panel["gridData"],
            look=state["visualization"],
            query=state["query"]["query"],
            layer=layer,
            columns=held["columns"],
            order=held["columnOrder"],
            view=view,
            references=attributes["references"],
        )


def all_panels() -> list[Lens]:
    """The panels of all dashboards."""
    return [panel for one in saved().values() for panel in panels_of(one)]
