"""The least privileges of the two keys, as role descriptors, for the requests of the product.

The tests list which request needs which privilege (`tests.elasticsearch.rights`) and fail on a
request that these roles do not cover.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.settings import ElasticSettings

_SEEN = ("read", "view_index_metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """The events of one detector."""

    selection: Selection
    in_place: bool = False  # whether their scores are written onto them


def running(settings: ElasticSettings, reads: Iterable[Reads]) -> dict[str, Any]:
    """What the service needs while it runs: ``cluster``, ``indices`` and ``remote_indices``."""
    names = Names(settings.namespace)
    reads = list(reads)
    events = _expressions(reads)
    onto = _expressions(one for one in reads if one.in_place)
    streams = ("create_doc", "auto_configure", *_SEEN, "maintenance")
    writes = () if not settings.keep_settings else ("index", "delete", "maintenance")
    indices = [
        *([_entry(events, _SEEN)] if events else []),
        *([_entry(onto, ("index",))] if onto else []),
        _entry([names.scores, names.health], streams),
        # Where nobody else raises alerts, Scoreback does, and writes each alert's id onto its
        # scores.
        *([] if settings.kibana else [_entry([names.scores], ("index",))]),
        _entry([names.alerts], ("index", *_SEEN, "maintenance")),
        _entry([names.verdicts], ("create_doc", *_SEEN, "maintenance")),
        _entry([names.rules], ("index", "delete", *_SEEN, "maintenance")),
        _entry([names.events_lookup, names.entities_lookup], ("index", *_SEEN)),
        _entry([names.settings], (*writes, *_SEEN)),
    ]
    if settings.kibana:
        indices.append(_entry([names.kibana], ("index", "delete", *_SEEN, "maintenance")))
        indices.append(_entry(alerts_of(settings.space), ("write", *_SEEN, "maintenance")))
    role: dict[str, Any] = {"cluster": _cluster(settings), "indices": indices}
    remote = _remote(reads)
    return role | ({"remote_indices": remote} if remote else {})


def installing(settings: ElasticSettings) -> dict[str, Any]:
    """What `apply` and `remove` need."""
    names = Names(settings.namespace)
    ours = [
        names.scores, names.health, names.alerts, names.verdicts, names.rules, names.settings,
        names.events_lookup, names.entities_lookup, *([names.kibana] if settings.kibana else []),
    ]  # fmt: skip
    return {
        "cluster": [*_cluster(settings), "manage_index_templates"],
        "indices": [_entry(ours, ("manage", "read", "index", "delete"))],
    }


def _cluster(settings: ElasticSettings) -> list[str]:
    """What both keys need; pipelines are rewritten whenever the threshold in force changes."""
    return ["monitor", *(["manage_ingest_pipelines"] if settings.native else [])]


def alerts_of(space: str) -> list[str]:
    """The indices of Elastic Security's alerts in *space*: the alias and the indices behind it."""
    return [f".alerts-security.alerts-{space}", f".internal.alerts-security.alerts-{space}-*"]


def _expressions(reads: Iterable[Reads]) -> list[str]:
    """Names and patterns in the local cluster, without repeats."""
    found = [name for one in reads for name in one.selection.index.split(",")]
    local = (name for name in found if ":" not in name and not name.startswith("-"))
    return list(dict.fromkeys(local))


def _remote(reads: Iterable[Reads]) -> list[dict[str, Any]]:
    """What is read in other clusters, for those that are reached with API keys."""
    of_cluster: dict[str, list[str]] = {}
    for one in reads:
        for expression in one.selection.index.split(","):
            cluster, colon, name = expression.partition(":")
            if colon and not cluster.startswith("-") and name not in of_cluster.get(cluster, ()):
                of_cluster.setdefault(cluster, []).append(name)
    return [
        {"clusters": [cluster], **_entry(names, ("read", "read_cross_cluster", _SEEN[1]))}
        for cluster, names in of_cluster.items()
    ]


def _entry(names: list[str], privileges: Iterable[str]) -> dict[str, Any]:
    return {"names": names, "privileges": list(privileges)}
