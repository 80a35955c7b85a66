"""What panels read: data views, which documents of them count, and the types of their fields."""

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
    ALERTS = "alerts"  # of Elastic Security


@dataclass(frozen=True, slots=True, kw_only=True)
class DataView:
    """Indices under one name, as Kibana has it."""

    id: str
    name: str
    title: str  # the index pattern


# Live scores over the threshold in force, and alerts of our rules that nobody has closed; of health
# a panel says by its figures which kinds of documents it reads.
ONLY: Mapping[Data, Mapping[str, Value | tuple[Value, ...]]] = {
    Data.SCORES: {"scoreback.stage": "live", "scoreback.alert": True},
    Data.HEALTH: {},
    Data.ALERTS: {
        "kibana.alert.rule.tags": "Scoreback",
        "kibana.alert.workflow_status": ("open", "acknowledged"),
    },
}
# What is shown to be judged is no finding: panels of alerts leave it out, unless they ask for it.
WITHOUT: Mapping[Data, Mapping[str, tuple[Value, ...]]] = {
    Data.SCORES: {},
    Data.HEALTH: {},
    Data.ALERTS: {"kibana.alert.rule.tags": (STAGE_TAG + "Audit", STAGE_TAG + "Explore")},
}
# Fields of Kibana's own alerts; they are not in our templates.
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
    """The data views of *space*: an id of Kibana's is one for all spaces."""
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
    """The id of what is called *name* in *space*."""
    return name if space == "default" else f"{name}-{space}"


def type_of(data: Data, field: str) -> str:
    """How Kibana types *field*: string, number, date or boolean.

    Raises:
        KeyError: no template of ours has it, so that no panel could show it.
    """
    return _KINDS[fields_of(data)[field]]


def fields_of(data: Data) -> Mapping[str, str]:
    """The fields of *data* that a panel may use, each with its type in Elasticsearch."""
    return _FIELDS[data]


def _usable(mapping: Mapping[str, Any]) -> Mapping[str, str]:
    """Fields that can be counted and sorted by."""
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
