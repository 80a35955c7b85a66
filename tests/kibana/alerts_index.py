"""The alerts index of a space, on the real node: its names, its mapping by version, its making.

Readers and writers use the alias; behind it stand numbered indices, as many as there were
rollovers. Kibana maps ECS and its own fields and nothing else (``dynamic: false``), so a field
that a version does not map is kept in ``_source`` and can be neither searched nor sorted by.
"""

from typing import Any

from tests.kibana.alert_fields import Release, ecs_fields, own_fields, properties
from tests.kibana.cluster import Cluster, ClusterError


def release(line: str) -> Release:
    """``9.5`` or ``9.5.2`` as numbers that can be compared."""
    major, minor, *_ = line.split(".")
    return int(major), int(minor)


def alias(space: str) -> str:
    """The name that everybody reads and writes."""
    return f".alerts-security.alerts-{space}"


def backing(space: str, number: int = 1) -> str:
    """The index of that number behind the alias."""
    return f".internal.alerts-security.alerts-{space}-{number:06}"


def mapping(release: Release) -> dict[str, Any]:
    """The mapping that a Kibana of *release* (major, minor) makes."""
    tree = properties({**ecs_fields(), **own_fields(release)})
    alert = tree["kibana"]["properties"]["alert"]["properties"]
    alert["rule"]["properties"]["parameters"] = {"type": "flattened", "ignore_above": 4096}
    alert["reason"]["fields"] = {"text": {"type": "text"}}
    alert["url"] = {"type": "keyword", "index": False, "ignore_above": 2048}
    alert["time_range"] = {
        "type": "date_range",
        "format": "epoch_millis||strict_date_optional_time",
    }
    tree["labels"] = {"type": "object", "dynamic": True}
    made_by = ".".join(map(str, (*release, 0)))
    return {"dynamic": False, "_meta": {"kibana": {"version": made_by}}, "properties": tree}


def make(node: Cluster, space: str, line: str) -> bool:
    """Make the alerts index of a space if there is none; return whether it was made.

    *line* is the version whose mapping it gets, such as ``9.5``. Two that make it at once are one
    too many for the node, not for us.
    """
    if _behind(node, space):
        return False
    return _create(node, space, line, 1, writes=True)


def add_older(node: Cluster, space: str, line: str) -> str:
    """Put an index with the mapping of another version behind the alias; return its name.

    As where alerts of an upgraded Kibana are kept: new alerts go on being written to the one that
    was there before.
    """
    behind = _behind(node, space)
    number = 1 + max((int(name.rpartition("-")[2]) for name in behind), default=0)
    if not _create(node, space, line, number, writes=not behind):
        raise RuntimeError(f"{backing(space, number)} was made by somebody else")
    return backing(space, number)


def _behind(node: Cluster, space: str) -> list[str]:
    return list(node.asked("GET", f"/_alias/{alias(space)}", absent=(404,)) or ())


def _create(node: Cluster, space: str, line: str, number: int, *, writes: bool) -> bool:
    body = {
        "settings": {
            "index": {
                "hidden": True,
                "number_of_shards": 1,
                "number_of_replicas": 0,
                "mapping": {"ignore_malformed": True, "total_fields": {"limit": 2500}},
            }
        },
        "mappings": mapping(release(line)),
        "aliases": {alias(space): {"is_write_index": writes, "is_hidden": True}},
    }
    try:
        node.asked("PUT", f"/{backing(space, number)}", body)
    except ClusterError as refused:
        if refused.kind != "resource_already_exists_exception":
            raise
        return False
    return True
