"""Adds scores to events in searches: KV store collections behind lookups.

`EVENT` is a row for each event, on the search head. `ENTITY` is a row for each entity of a
detector; Splunk sends that lookup to every indexer whenever it changes. So each step writes to a
waiting collection, and now and then its rows move to the lookup: the newest entities, up to a
limit.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.splunk.names import ENTITIES, ENTITIES_PENDING, EVENTS
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.times import epochs, parsed
from scoreback.connectors.splunk.wire.kvstore import KEYS, KvStore
from scoreback.errors import SiemRefused
from scoreback.naming import members_of
from scoreback.records import Enrichment, ScoreBatch, Stage, WriteReport

PUBLISHED = "published"  # key of the row that says when the entities were last sent to the indexers
_PRUNED_EVERY = timedelta(hours=1)
_KEPT = ("detector", "version", "score", "risk", "alert", "reasons", "event_time", "scored_at")
_log = logging.getLogger(__name__)

Row = dict[str, Any]


class Enrichments:
    """The lookups of one connection."""

    kinds = frozenset({Enrichment.EVENT, Enrichment.ENTITY})

    def __init__(self, store: KvStore, settings: SplunkSettings) -> None:
        """Write into *store*."""
        self._store, self._settings = store, settings
        self._pruned: datetime | None = None

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Put *scores* where *how* says; lookups only have live scores."""
        if how not in self.kinds:
            raise SiemRefused(
                f"scores cannot be put {how.value!r} in Splunk, where events never change",
                hint="choose event or entity",
            )
        table = pa.Table.from_batches([scores.batch])
        table = table.filter(pc.equal(table["stage"], Stage.LIVE.value))
        if not table.num_rows:
            return WriteReport(written=0)
        now: datetime = pc.max(table["scored_at"]).as_py()
        if how == Enrichment.EVENT:
            report = self._newest(EVENTS, _by_event(table), "scored_at")
            self._prune(now)
            return report
        report = self._newest(ENTITIES_PENDING, _by_entity(table), "event_time")
        self._publish(now)
        return report

    def _newest(self, collection: str, rows: Mapping[str, Row], clock: str) -> WriteReport:
        """Store those of *rows* that are newer than the stored ones, and different."""
        there = self._store.under(collection, list(rows))
        wanted = [row for key, row in rows.items() if _is_news(row, there.get(key), clock)]
        self._store.save(collection, wanted)
        return WriteReport(written=len(wanted), already_there=len(rows) - len(wanted))

    def _prune(self, now: datetime) -> None:
        """Delete events that are older than the settings keep."""
        if self._pruned is not None and now - self._pruned < _PRUNED_EVERY:
            return
        oldest = (now - self._settings.events_kept).timestamp()
        self._store.delete_where(EVENTS, {"event_time": {"$lt": oldest}})
        self._pruned = now

    def _publish(self, now: datetime) -> None:
        """Send the waiting entities to the indexers, unless that was done recently.

        If it breaks off anywhere, it is repeated: a row leaves the waiting collection last.
        """
        last = self._store.get(ENTITIES_PENDING, PUBLISHED)
        if last is not None and now < parsed(last["at"]) + self._settings.entities_every:
            return
        waiting = [r for r in self._store.rows(ENTITIES_PENDING) if r["_key"] != PUBLISHED]
        there = {
            row["_key"]: row
            for row in self._store.rows(ENTITIES, fields=("_key", *_KEPT, "entity"))
        }
        news = {r["_key"]: r for r in waiting if _is_news(r, there.get(r["_key"]), "event_time")}
        dropped = self._beyond(there | news)
        for some in _portions(sorted(dropped & set(there))):
            self._store.delete_where(ENTITIES, {"$or": [{"_key": key} for key in some]})
        if dropped:
            _log.warning(
                "%d entities are dropped from the lookup, the oldest first: entities_most is %d",
                len(dropped),
                self._settings.entities_most,
            )
        self._store.save(ENTITIES, [_bare(r) for key, r in news.items() if key not in dropped])
        self._store.save(ENTITIES_PENDING, [{"_key": PUBLISHED, "at": now.timestamp()}])
        stored = {r["_key"]: r["scored_at"] for r in waiting}
        for some in _portions(sorted(stored)):
            same = [{"_key": key, "scored_at": stored[key]} for key in some]
            self._store.delete_where(ENTITIES_PENDING, {"$or": same})

    def _beyond(self, rows: Mapping[str, Row]) -> set[str]:
        """The keys over the limit: first those of the oldest events, then those of low risk."""
        over = len(rows) - self._settings.entities_most
        if over <= 0:
            return set()
        order = sorted(rows, key=lambda key: (rows[key]["event_time"], rows[key]["risk"], key))
        return set(order[:over])


def _is_news(row: Row, there: Row | None, clock: str) -> bool:
    if there is None:
        return True
    if row[clock] < float(there[clock]):
        return False
    return any(there.get(name) != value for name, value in row.items() if name != "_user")


def _bare(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "_user"}


def _by_event(table: pa.Table) -> dict[str, Row]:
    """A row for each event, also for each event of a unit; the latest score counts."""
    found: dict[str, Row] = {}
    for row, event_id, ref in _rows(table.sort_by("scored_at")):
        unit = members_of(ref)
        for member in [name for _, name in unit.named] if unit else [event_id]:
            key = _key(row["detector"], member)
            found[key] = {"_key": key, "event_id": member, **row}
    return found


def _by_entity(table: pa.Table) -> dict[str, Row]:
    """A row for each entity, from its latest event."""
    known = table.filter(pc.is_valid(table["entity"]))
    order = [("event_time", "ascending"), ("score_id", "ascending")]
    known = known.sort_by(order)
    found: dict[str, Row] = {}
    for (row, _, _), entity in zip(_rows(known), known["entity"].to_pylist(), strict=True):
        key = _key(row["detector"], entity)
        found[key] = {"_key": key, "entity": entity, **row}
    return found


def _rows(table: pa.Table) -> Iterator[tuple[Row, str, str]]:
    """The columns of a lookup for each score, with its event's id and ref."""
    columns: dict[str, list[Any]] = {
        name: [float(t) for t in epochs(table[name]).to_pylist()]
        if name in ("event_time", "scored_at")
        else table[name].to_pylist()
        for name in _KEPT
    }
    ids, refs = table["event_id"].to_pylist(), table["event_ref"].to_pylist()
    for values in zip(ids, refs, *columns.values(), strict=True):
        row = {k: v for k, v in zip(columns, values[2:], strict=True) if v is not None}
        yield row, values[0], values[1]


def _key(detector: str, name: str) -> str:
    return hashlib.sha256(f"{detector}\0{name}".encode()).hexdigest()


def _portions(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), KEYS):
        yield keys[start : start + KEYS]
