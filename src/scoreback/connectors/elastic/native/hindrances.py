"""Why a cluster cannot score a detector itself: its nodes, or the location of fields."""

from collections.abc import Iterator, Sequence

from scoreback.connectors.elastic.native.packing import too_much
from scoreback.connectors.elastic.reading.fields import mapped
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import DetectorNeeds
from scoreback.errors import SiemRefused
from scoreback.portable.reading import TIMES

_NEEDED = ("pipeline", "script", "set")


def hindrances(client: Client, settings: ElasticSettings, needs: DetectorNeeds) -> Sequence[str]:
    """Why the cluster cannot score with the model of *needs*, a clause each; empty if it can.

    Raises:
        SiemUnavailable: the cluster does not answer.
    """
    if needs.model is None:
        return ()
    found = [*too_much(needs.model), *_without_processors(client)]
    names = [name for name in needs.model.fields if name not in TIMES]
    return (*found, *_elsewhere(client, settings, needs, names))


def _without_processors(client: Client) -> Iterator[str]:
    """Ingest nodes that lack a processor which Scoreback's pipelines need."""
    path = "/_nodes/ingest"
    kept = {"filter_path": "nodes.*.name,nodes.*.roles,nodes.*.ingest.processors.type"}
    try:
        nodes = client.call("GET", path, params=kept)["nodes"].values()
    except (SiemRefused, KeyError):
        # the privilege to monitor is missing, or the cluster is serverless: the trial will find out
        return
    for node in nodes:
        there = {one["type"] for one in node.get("ingest", {}).get("processors", ())}
        missing = [name for name in _NEEDED if name not in there]
        if missing and "ingest" in node.get("roles", ["ingest"]):
            yield (
                f"node {node.get('name')} of the cluster has no ingest processor"
                f" {' or '.join(map(repr, missing))}"
            )
            return


def _elsewhere(
    client: Client, settings: ElasticSettings, needs: DetectorNeeds, names: Sequence[str]
) -> Iterator[str]:
    """Fields that an event does not have yet during ingest, because only the indices know them."""
    selection = Selection.of(needs.selection, settings.clusters)
    try:
        there = mapped(client, selection, names)
    except SiemRefused:
        return  # there are no indices yet
    for name in names:
        if name in there.paths:
            yield (
                f"{name} is an alias in the indices, and an incoming event has no aliases:"
                f" use {there.paths[name]} instead"
            )
        elif name in there.asked:
            yield f"{name} is only in the indices' mappings, not in incoming events"
