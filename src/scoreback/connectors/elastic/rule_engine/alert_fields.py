"""Reads the fields of the events that opened alerts, as their stored scores hold them."""

from collections.abc import Mapping, Sequence
from typing import Any

from scoreback.connectors.elastic.names import OWN, Names
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.wire.client import Client
from scoreback.records import SHOWN_STAGES, Alert

_AT_ONCE = 500  # alerts per query
_OF_EVENT = f"{OWN}event."  # copied fields with the name of a score's own field
_OURS = frozenset(
    {"@timestamp", "event.ingested", "event.kind", "event.reason", "event.risk_score",
     "event.severity", "ecs.version", f"{_OF_EVENT}id", f"{_OF_EVENT}index"}
)  # fmt: skip


def fields_of(client: Client, names: Names, alerts: Sequence[Alert]) -> dict[str, dict[str, str]]:
    """By alert id, the fields copied from its opening event; alerts without any are left out."""
    told: dict[tuple[str, str, str], dict[str, str]] = {}
    for start in range(0, len(alerts), _AT_ONCE):
        some = alerts[start : start + _AT_ONCE]
        body = {
            "size": 6 * len(some),  # three stages of each, and perhaps a copy of each
            "query": {
                "bool": {
                    "filter": [
                        {"terms": {f"{OWN}event.id": sorted({one.event_id for one in some})}},
                        {"terms": {f"{OWN}version": sorted({one.version for one in some})}},
                        {"terms": {f"{OWN}stage": [one.value for one in SHOWN_STAGES]}},
                    ]
                }
            },
            "track_total_hits": False,
        }
        answer = client.search(names.scores, body, absent=(404,)) or {}
        for hit in answer.get("hits", {}).get("hits", []):
            values = flat(hit["_source"])
            key = tuple(str(values.get(OWN + n)) for n in ("detector", "version", "event.id"))
            told[key[0], key[1], key[2]] = _copied(values)
    found = {one.alert_id: told.get((one.detector, one.version, one.event_id)) for one in alerts}
    return {alert_id: fields for alert_id, fields in found.items() if fields}


def _copied(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.removeprefix(_OF_EVENT): _text(value)
        for name, value in values.items()
        if value is not None
        and name not in _OURS
        and (name.startswith(_OF_EVENT) or not name.startswith(OWN))
    }


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value if each is not None)
    return str(value)
