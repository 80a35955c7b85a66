"""What panels read: data views, which of their documents count, and the types of fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scoreback.connectors.elastic.deploying.resources import HEALTH, SCORES, dotted
from scoreback.connectors.elastic.kibana.kql import Value
from scoreback.connectors.elastic.kibana.names import STAGE_TAG

TIME_FIELD = "@timestamp"
DETECTOR = "scoreback.detector"


class Data(StrEnum):
    """What a panel can read."""

    SCORES = "scores"
    HEALTH = "health"
    ALERTS = "alerts"  # alerts of Elastic Security


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """Indices under one name, as Kibana stores them."""

    id: str
    name: str
    title: str  # the index pattern


# Live scores over the threshold in force, and open alerts of Scoreback's rules; a panel about
# health chooses the kinds of documents through its figures.
ONLY: Mapping[Data, Mapping[str, Value | tuple[Value, ...]]] = {
    Data.SCORES: {"scoreback.stage": "live", "scoreback.alert": True},
    Data.HEALTH: {},
    Data.ALERTS: {
        "kibana.alert.rule.tags": "Scoreback",
        "kibana.alert.workflow_status": ("open", "acknowledged"),
    },
}
# Alerts that are shown only to be judged are not findings: panels leave them out by default.
WITHOUT: Mapping[Data, Mapping[str, tuple[Value, ...]]] = {
    Data.SCORES: {},
    Data.HEALTH: {},
    Data.ALERTS: {"kibana.alert.rule.tags": (STAGE_TAG + "Audit", STAGE_TAG + "Explore")},
}
# Fields of Kibana's own alerts, which are not in Scoreback's templates.
_ALERTS: Mapping[str, str] = {
    TIME_FIELD: "date",
    "kibana.alert.building_block_type": "keyword",
    "kibana.alert.risk_score": "float",
    "kibana.alert.rule.name": "keyword",
    "kibana.alert.rule.tags": "keyword",
    "kibana.alert.workflow_status": "keyword",
}
_KINDS = {
    "keyword": "string",
    "date": "date",
    "date_nanos": "date",
    "boolean": "boolean",
} | dict.fromkeys(("double", "float", "long"), "number")


def data_views(space: str) -> Mapping[Data, DataView]:
    """The data views of *space*: Kibana's ids are shared by all spaces."""
    return {
        Data.SCORES: DataView(
            id=in_space("scoreback-scores", space),
            name="Scoreback scores",
            title="scoreback.scores-*",
        ),
        Data.HEALTH: DataView(
            id=in_space("scoreback-health", space),
            name="Scoreback health",
            title="scoreback.health-*",
        ),
        Data.ALERTS: DataView(
            id=in_space("scoreback-alerts", space),
            name="Alerts of Elastic Security, for Scoreback",
            title=f".alerts-security.alerts-{space}",
        ),
    }


def in_space(name: str, space: str) -> str:
    """The id in *space* of the object called *name*."""
    return name if space == "default" else f"{name}-{space}"


def type_of(data: Data, field: str) -> str:
    """Kibana's type for *field*: string, number, date or boolean.

    Raises:
        KeyError: no template has the field, so no panel can show it.
    """
    return _KINDS[fields_of(data)[field]]


def fields_of(data: Data) -> Mapping[str, str]:
    """The fields of *data* that a panel may use, each with its Elasticsearch type."""
    return _FIELDS[data]


def _usable(mapping: Mapping[str, Any]) -> Mapping[str, str]:
    """Fields that can be counted and sorted."""
    return {
        name: about["type"]
        for name, about in dotted(mapping["properties"]).items()
        if about["type"] in _KINDS and about.get("doc_values", True)
    }


_FIELDS: Mapping[Data, Mapping[str, str]] = {
    Data.SCORES: _usable(SCORES),
    Data.HEALTH: _usable(HEALTH),
    Data.ALERTS: _ALERTS,
}
