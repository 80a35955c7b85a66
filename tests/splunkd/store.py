"""Events, in an SQLite file that goes with the simulator.

An event is searchable only after the store's delay. Its time of indexing is stamped here, by the
simulator's clock.
"""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from tests.splunkd.clock import Clock

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE event (
    seq INTEGER PRIMARY KEY, idx TEXT, time REAL, indextime INTEGER, visible REAL,
    host TEXT, source TEXT, sourcetype TEXT, raw TEXT, fields TEXT
);
CREATE INDEX by_time ON event (idx, time);
CREATE INDEX by_index_time ON event (idx, indextime);
"""


@dataclass(frozen=True)
class Event:
    """An event to be stored; *fields* is a JSON object of indexed fields, or None."""

    index: str
    time: float
    host: str
    source: str
    sourcetype: str
    raw: str
    fields: str | None = None
    indexed_at: float | None = None
    """None: now."""


StoredEvent = tuple[int, str, float, int, str, str, str, str, str | None]
"""seq, index, time, indextime, host, source, sourcetype, raw, fields."""


class EventStore:
    """All events of all indexes, shared by the members of a cluster."""

    def __init__(self, clock: Clock, delay: float = 0.0) -> None:
        self._clock = clock
        self.delay = delay
        self._folder = tempfile.TemporaryDirectory(prefix="scoreback-splunkd-")
        self.folder = Path(self._folder.name)
        self._lock = Lock()
        self._writer = self._connected()
        self._writer.executescript(_SCHEMA)

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.folder / "events.sqlite", check_same_thread=False, isolation_level=None
        )

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._writer.close()
        self._folder.cleanup()

    def add(self, events: Iterable[Event]) -> None:
        """Index events now."""
        now = self._clock.now()

        def row(event: Event) -> tuple[object, ...]:
            arrived = now if event.indexed_at is None else event.indexed_at
            visible = arrived + self.delay
            about = (event.host, event.source, event.sourcetype, event.raw, event.fields)
            return (event.index, event.time, int(arrived), visible, *about)

        with self._lock:
            self._writer.execute("BEGIN")
            try:
                self._writer.executemany(
                    "INSERT INTO event (idx, time, indextime, visible, host, source, sourcetype, "
                    "raw, fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    map(row, events),
                )
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def select(
        self, where: str, given: Sequence[object], ascending: bool = False
    ) -> Iterator[StoredEvent]:
        """Visible events, newest first; *where* is a condition on the columns of ``event``."""
        way = "ASC" if ascending else "DESC"
        query = (
            "SELECT seq, idx, time, indextime, host, source, sourcetype, raw, fields FROM event "  # noqa: S608
            f"WHERE visible <= ? AND ({where}) ORDER BY time {way}, seq {way}"
        )
        connection = self._connected()
        try:
            rows = connection.execute(query, (self._clock.now(), *given))
            while batch := rows.fetchmany(1000):
                yield from batch
        finally:
            connection.close()

    def totals(self) -> dict[str, tuple[int, float, float]]:
        """Number of events, first and last time of each index."""
        with self._lock:
            rows = self._writer.execute(
                "SELECT idx, count(*), min(time), max(time) FROM event GROUP BY idx"
            ).fetchall()
        return {index: (count, first, last) for index, count, first, last in rows}

    def remove(self, index: str) -> None:
        """Forget the events of an index."""
        with self._lock:
            self._writer.execute("DELETE FROM event WHERE idx = ?", (index,))
