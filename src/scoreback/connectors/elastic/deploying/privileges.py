"""Which rights the connection needs, by name, and which of them it lacks."""

from collections.abc import Iterator
from typing import Any

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused
from scoreback.records import Finding

_NO_SECURITY = (400, 404, 405, 500)  # the server has no such endpoint: nothing is protected


def needed(
    settings: ElasticSettings, selection: Selection, *, in_place: bool = False
) -> list[dict[str, Any]]:
    """Index privileges of a runtime key, in the shape of a role descriptor."""
    names = Names(settings.namespace)
    events = ["read", "view_index_metadata", *(["index"] if in_place else [])]
    local = [name for name in selection.index.split(",") if ":" not in name]
    streams = ["create_doc", "auto_configure", "read", "view_index_metadata", "maintenance"]
    kept = ["index", "delete", "read", "view_index_metadata", "maintenance"]
    return [
        *([{"names": local, "privileges": events}] if local else []),
        {"names": [names.scores, names.health], "privileges": streams},
        {
            "names": [
                names.alerts, names.verdicts, names.rules, names.events_lookup,
                names.entities_lookup, *([names.kibana] if settings.kibana else []),
            ],
            "privileges": kept,
        },
    ]  # fmt: skip


def missing_privileges(
    client: Client, settings: ElasticSettings, selection: Selection, *, in_place: bool
) -> Iterator[Finding]:
    """A finding for each right that the connection's key or user lacks."""
    asked = {"cluster": ["monitor"], "index": needed(settings, selection, in_place=in_place)}
    try:
        answer = client.call("POST", "/_security/user/_has_privileges", asked, absent=_NO_SECURITY)
    except SiemRefused as error:
        yield Finding(what=error.message, fix=error.hint)
        return
    if answer is None or answer.get("has_all_requested"):
        return
    for right, granted in answer.get("cluster", {}).items():
        if not granted:
            yield Finding(
                what=f"the cluster privilege {right!r} is missing",
                fix="add it to the role or API key; without it clocks are not compared",
                fatal=False,
            )
    for index, rights in answer.get("index", {}).items():
        lacking = sorted(right for right, granted in rights.items() if not granted)
        if lacking:
            yield Finding(
                what=f"privileges on {index} are missing: {', '.join(lacking)}",
                fix="add them to the role or API key of the connection",
            )
