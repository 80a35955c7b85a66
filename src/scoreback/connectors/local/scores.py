"""Stores scores, each id once, and has the alert rules look at the new ones."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from scoreback.connectors.local.rule_engine.alerting import evaluate
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.segments import Segment, list_segment
from scoreback.connectors.local.storage.store import Store
from scoreback.records import Refused, ScoreBatch, Stage, WriteReport

LOOKUP_IDS = 500  # ids in one query; SQLite takes 32,766 variables, older builds 999


def write_scores(store: Store, scores: ScoreBatch) -> WriteReport:
    """Store *scores*, then raise the alerts of those that are new.

    The scores are safe before the rules run: a crash in between loses no alert, as the next write
    (or `scoreback.connectors.local.rule_engine.alerting.evaluate`) takes up what no rule has seen.
    """
    table = pa.Table.from_batches([scores.batch])
    refused = _refused(table)
    if refused:
        bad = {item.item_id for item in refused}
        table = table.filter(pa.array([i not in bad for i in table.column("score_id").to_pylist()]))
    written = _store_new(store, table)
    evaluate(store)
    return WriteReport(
        written=written, already_there=table.num_rows - written, refused=tuple(refused)
    )


def existing_scores(store: Store, score_ids: Iterable[str]) -> set[str]:
    """Those of *score_ids* that are stored."""
    with store.ledger.reading() as connection:
        return _there(connection, list(score_ids))


def _store_new(store: Store, table: pa.Table) -> int:
    """Write the rows whose id is not stored; the ledger is held, so no other process does too."""
    written: list[Segment] = []
    try:
        with store.ledger.writing() as connection:
            ids = table.column("score_id").to_pylist()
            known = _there(connection, ids)
            first = {score_id: i for i, score_id in reversed(list(enumerate(ids)))}
            keep = sorted(i for score_id, i in first.items() if score_id not in known)
            if not keep:
                return 0
            order = [("event_time", "ascending"), ("score_id", "ascending")]
            new = table.take(keep).sort_by(order)
            written.append(store.segments.write("scores", "", new, "scored_at"))
            list_segment(connection, written[0], evaluated=False)
            connection.execute(ledger.score_ids.insert(), [{"score_id": ids[i]} for i in keep])
    except BaseException:
        store.segments.discard(written)
        raise
    return len(keep)


def _there(connection: sa.Connection, score_ids: list[str]) -> set[str]:
    column = ledger.score_ids.c.score_id
    found: set[str] = set()
    for start in range(0, len(score_ids), LOOKUP_IDS):
        some = score_ids[start : start + LOOKUP_IDS]
        found.update(connection.scalars(sa.select(column).where(column.in_(some))))
    return found


def _refused(table: pa.Table) -> list[Refused]:
    """Scores that no rule could judge and no dashboard draw."""
    score, risk = (table.column(n).to_numpy() for n in ("score", "risk"))
    stage = pc.is_in(table.column("stage"), pa.array([s.value for s in Stage])).to_numpy()
    wrong = {
        "score is not within 0..1": ~((score >= 0) & (score <= 1)),
        "risk is not within 0..100": ~((risk >= 0) & (risk <= 100)),
        "stage is unknown": ~stage.astype(bool),
    }
    ids = table.column("score_id")
    return [
        Refused(item_id=ids[int(i)].as_py(), reason=reason)
        for reason, rows in wrong.items()
        for i in np.flatnonzero(rows)
    ]
