"""The health door: documents in a table of the ledger."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.health import HealthDocument, fields_of, health_document
from scoreback.records import TimeWindow
from scoreback.times import micros

# how long before the newest document others are kept; other SIEMs have their own retention
KEEP = timedelta(days=90)


class Health:
    """Keeps health documents."""

    def __init__(self, store: Store) -> None:
        """Keep them in *store*."""
        self._ledger = store.ledger

    def write(self, documents: Sequence[HealthDocument]) -> None:
        """Store *documents*; writing the same document again changes nothing."""
        rows = [
            {
                "health_id": document.health_id,
                "detector": document.detector,
                "at": micros(document.at),
                "document": {
                    name: value.isoformat() if isinstance(value, datetime) else value
                    for name, value in fields_of(document).items()
                },
            }
            for document in documents
        ]
        if rows:
            old = ledger.health.c.at < micros(max(d.at for d in documents) - KEEP)
            with self._ledger.writing() as connection:
                connection.execute(sqlite.insert(ledger.health).on_conflict_do_nothing(), rows)
                connection.execute(sa.delete(ledger.health).where(old))

    def read(self, detector: str, window: TimeWindow) -> Iterator[HealthDocument]:
        """Yield the documents of *detector* in *window*, ordered by moment, kind and subject."""
        of = ledger.health.c
        since, until = micros(window.since), micros(window.until)
        query = sa.select(of.document).where(of.detector == detector)
        query = query.where(of.at >= since, of.at < until)
        with self._ledger.reading() as connection:
            found = [health_document(row) for row in connection.scalars(query)]
        yield from sorted(found, key=lambda d: (d.at, d.kind, d.subject))
