"""The embedded SIEM's settings door: overrides in a table, as an app's page would write them."""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from scoreback.connectors.doors.settings import Override
from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.times import micros, moment


class Settings:
    """The settings door of one store."""

    def __init__(self, store: Store) -> None:
        """Keep overrides in *store*."""
        self._store = store

    def overrides(self, since: datetime) -> Iterator[Override]:
        """Yield the overrides made at or after *since*, oldest first."""
        t = ledger.overrides
        query = sa.select(t).where(t.c.at >= micros(since)).order_by(t.c.at, t.c.override_id)
        with self._store.ledger.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            yield Override(
                detector=row.detector, key=row.key, value=row.value, author=row.author,
                at=moment(row.at), reason=row.reason,
            )  # fmt: skip

    def put(self, override: Override) -> None:
        """Add *override*, as an admin does on an app's page; adding it again changes nothing."""
        row = {
            "detector": override.detector,
            "key": override.key,
            "value": override.value,
            "author": override.author,
            "reason": override.reason,
            "at": micros(override.at),
        }
        with self._store.ledger.writing() as connection:
            connection.execute(insert(ledger.overrides).values(row).on_conflict_do_nothing())
