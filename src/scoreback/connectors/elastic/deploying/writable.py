"""Whether events can be updated: some indices are read-only, frozen, or store no source."""

from collections.abc import Iterator
from typing import Any

from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.wire.client import Client
from scoreback.records import Finding

_BLOCKS = ("write", "read_only", "read_only_allow_delete", "metadata")


def not_writable(client: Client, selection: Selection) -> Iterator[Finding]:
    """A finding for each reason why indices of *selection* cannot take scores."""
    settings = client.call("GET", f"/{selection.index}/_settings", params={"flat_settings": True})
    mappings = client.call(
        "GET", f"/{selection.index}/_mapping", params={"filter_path": "*.mappings._source"}
    )
    ways: dict[str, list[str]] = {}
    for index, about in settings.items():
        way = _way(about["settings"], (mappings.get(index) or {}).get("mappings", {}))
        if way:
            ways.setdefault(way, []).append(index)
    for way, indices in sorted(ways.items()):
        whole = sum(map(len, ways.values())) == len(settings)
        yield Finding(
            what=f"{len(indices)} of {len(settings)} indices cannot take scores onto their events:"
            f" {way} (such as {indices[0]})",
            fix="these events stay without scores; use enrich: event if all of them should be"
            " found",
            fatal=whole,
        )


def _way(settings: dict[str, Any], mappings: dict[str, Any]) -> str:
    blocked = [b for b in _BLOCKS if settings.get(f"index.blocks.{b}") == "true"]
    if blocked:
        return "read-only"
    if settings.get("index.store.type") == "snapshot":
        return "a searchable snapshot"
    if settings.get("index.frozen") == "true":
        return "frozen"
    if mappings.get("_source", {}).get("enabled") is False:
        return "no stored source"
    return ""
