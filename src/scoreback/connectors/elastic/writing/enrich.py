"""Adds scores to events in searches: by lookup indices, or on the events themselves.

A lookup index is for ``LOOKUP JOIN`` in ES|QL: by event (``scoreback.event.index`` and
``scoreback.event.id``) or by entity (``scoreback.entity``). Its documents use the score's time as
their version, so the newest one stays, in whatever order writes arrive.
"""

import hashlib
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.connectors.elastic.wire.required_index import require
from scoreback.connectors.elastic.writing.in_place import update_events
from scoreback.connectors.elastic.writing.members import events_of
from scoreback.connectors.elastic.writing.reasons import sentences
from scoreback.connectors.json.documents import documents
from scoreback.errors import SiemRefused
from scoreback.records import Enrichment, ScoreBatch, WriteReport


class Enrichments:
    """The enrichments of one namespace."""

    kinds = frozenset({Enrichment.EVENT, Enrichment.ENTITY, Enrichment.IN_PLACE})

    def __init__(self, client: Client, names: Names) -> None:
        """Write through *client*."""
        self._client, self._names = client, names

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Put *scores* where *how* says."""
        table = pa.Table.from_batches([scores.batch])
        if not table.num_rows:
            return WriteReport(written=0)
        if how == Enrichment.IN_PLACE:
            return update_events(self._client, events_of(table))
        if how == Enrichment.EVENT:
            events = events_of(table)
            keys = [events["detector"], events["stage"], events["event_index"], events["event_id"]]
            index, version = self._names.events_lookup, events["scored_at"]
            return self._look_up(index, events, _digests(keys), version)
        if how == Enrichment.ENTITY:
            latest = _latest_of_entities(table)
            events = events_of(latest, all_members=False)
            digests = _digests([events["detector"], events["stage"], events["entity"]])
            return self._look_up(self._names.entities_lookup, events, digests, events["event_time"])
        raise SiemRefused(
            f"scores cannot be put {how.value!r}", hint="choose event, entity or in_place"
        )

    def _look_up(
        self, index: str, events: pa.Table, ids: pa.Array, version: pa.ChunkedArray
    ) -> WriteReport:
        require(self._client, index)
        why = {}
        if events["reasons"].null_count < events.num_rows:
            why["scoreback.reason"] = sentences(events["reasons"])
        sources = documents(
            {
                "scoreback.detector": events["detector"],
                "scoreback.version": events["version"],
                "scoreback.stage": events["stage"],
                "scoreback.entity": events["entity"],
                "scoreback.event.id": events["event_id"],
                "scoreback.event.index": events["event_index"],
                "scoreback.score": events["score"],
                "scoreback.risk": events["risk"],
                "scoreback.threshold": events["threshold"],
                "scoreback.alert": events["alert"],
                "scoreback.chance": events["chance"],
                "scoreback.event_time": events["event_time"],
                "scoreback.scored_at": events["scored_at"],
                **why,
            },
            {},
            objects=("scoreback",),
        )
        heads = {
            "_id": ids,
            "version": version.cast(pa.int64()),
            "version_type": pa.array(["external_gte"] * len(ids)),
        }
        lines = actions("index", heads, sources)
        report = bulk.send(self._client, f"/{index}/_bulk", lines)
        return WriteReport(
            written=len(report.done),
            already_there=len(report.conflicts),
            refused=bulk.refusals(ids.to_pylist(), lines, report),
        )


def _latest_of_entities(table: pa.Table) -> pa.Table:
    """For each detector, stage and entity, the score of the latest event that has an entity."""
    known = table.filter(pc.is_valid(table["entity"]))
    order = [("event_time", "ascending"), ("score_id", "ascending")]
    known = known.sort_by(order)
    whose = zip(*(known[n].to_pylist() for n in ("detector", "stage", "entity")), strict=True)
    last = {key: row for row, key in enumerate(whose)}
    return known.take(pa.array(sorted(last.values()), pa.int64()))


def _digests(keys: Iterable[pa.ChunkedArray]) -> pa.Array:
    """One id per row, from the length-prefixed parts."""
    found = []
    for parts in zip(*(key.to_pylist() for key in keys), strict=True):
        text = "".join(f"{len(part)}:{part}" for part in parts)
        found.append(hashlib.sha256(text.encode()).hexdigest())
    return pa.array(found, pa.string())
