"""Adds events to a stream: staged piece by piece, then committed at once, each id once."""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from scoreback.connectors.local.loading.label_updates import NONE, Updates, updates
from scoreback.connectors.local.loading.same_events import named_alike
from scoreback.connectors.local.storage.compaction import compact
from scoreback.connectors.local.storage.engine import engine, parquet
from scoreback.connectors.local.storage.later_values import (
    add_values,
    fields_with_values,
    values_of,
    was_loaded,
)
from scoreback.connectors.local.storage.lost import missing, put_back, refuse_unless_put_back
from scoreback.connectors.local.storage.segments import (
    Segment,
    Source,
    list_segment,
    listed,
)
from scoreback.connectors.local.storage.store import Store, stream_name
from scoreback.disk.files import FILE_MODE, create, draft_folder, unlinked
from scoreback.disk.room import reason, remedy
from scoreback.errors import DataError, SiemUnavailable
from scoreback.records import EVENT_COLUMNS, EventBatch, WriteReport
from scoreback.sql import identifier

RESERVED = frozenset(EVENT_COLUMNS.names)  # a field of the source cannot have this name
KEYS = ("event_id", "event_time", "arrival_time")
WAIT_SECONDS = 600  # how long to wait for another process that loads into the same stream

# position in the source; the blank in the name prevents a clash with field names
_ROW = "scoreback row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What happened to the staged events."""

    loaded: int
    already_there: int  # their id was already in the stream
    repeated: int  # their id came earlier in the same source
    updates: Updates = NONE  # what was new about known events
    # The column that identifies events, and how many new rows name an event that the stream has
    # already; see `same_events`.
    alike: tuple[str, int] | None = None


class Intake:
    """One addition to one stream; made by `intake`."""

    def __init__(
        self,
        store: Store,
        stream: str,
        staging: Path,
        *,
        generated_ids: bool,
        source: Source | None,
        lost: Sequence[Segment],
    ) -> None:
        """Stage below *staging*; equal ids *generated* from content get a number added.

        A load of *source* may restore segments that were *lost*.
        """
        self._source, self._lost = source, lost
        self._store = store
        self._stream = stream
        self._staging = staging
        self._generated = generated_ids
        self._rows = 0
        self._pieces: list[Path] = []
        self._fields: dict[str, str] = {}  # keyed by lower case, because SQL ignores case

    def stage(self, events: pa.Table) -> None:
        """Stage *events*: the columns of `KEYS`, then their fields as text.

        Raises:
            DataError: two fields differ only in case, or one has a name reserved by Scoreback.
            SiemUnavailable: the disk is full.
        """
        if not events.num_rows:
            return
        for name in events.column_names[len(KEYS) :]:
            self._admit(name)
        rows = pa.array(range(self._rows, self._rows + events.num_rows), pa.int64())
        self._rows += events.num_rows
        piece = self._staging / f"{len(self._pieces)}.parquet"
        try:
            with os.fdopen(create(piece), "wb") as file:
                pq.write_table(events.append_column(_ROW, rows), file, compression="lz4")
        except OSError as error:
            raise SiemUnavailable(
                f"cannot write in {self._staging}: {reason(error)}",
                hint=f"{remedy(error)}; nothing was added",
            ) from error
        self._pieces.append(piece)

    def stored(self) -> list[Path]:
        """The files that hold the stream's events."""
        return [self._store.segments.intact(segment) for segment in self._there()]

    def commit(
        self,
        arrived: Callable[[pa.Table], pa.Table] | None = None,
        at: datetime | None = None,
        labels: Collection[str] = (),
    ) -> Added:
        """Commit the staged events, except those whose id the stream has already.

        Args:
            arrived: sets the arrival times of some of the new events.
            at: when new labels of known events become known; None: labels are not updated.
            labels: fields that hold labels; if empty, they are guessed.

        Raises:
            SiemUnavailable: the disk is full; nothing was added.
        """
        if not self._pieces:
            return Added(loaded=0, already_there=0, repeated=0)
        with engine(self._staging) as connection:
            distinct, fresh = self._name(connection)
            found, alike = NONE, self._alike(connection) if fresh else None
            if at is not None and distinct > fresh:
                found = self._updates(connection, labels)
            written: list[Segment] = []
            try:
                for piece in self._pieces:
                    events = _chosen(connection, pq.read_table(piece, partitioning=None))
                    if events.num_rows:
                        events = _in_order(events if arrived is None else arrived(events))
                        written.append(
                            self._store.segments.write(
                                "events", self._stream, events, "arrival_time", self._source
                            )
                        )
                with self._store.ledger.writing() as transaction:
                    put_back(transaction, self._lost, self._source, written)
                    for segment in written:
                        list_segment(transaction, segment, evaluated=True)
                    if at is not None:
                        add_values(transaction, self._stream, found.changes, at, self._source)
            except BaseException:
                self._store.segments.discard(written)
                raise
        return Added(
            loaded=fresh,
            already_there=distinct - fresh,
            repeated=self._rows - distinct,
            updates=found,
            alike=alike,
        )

    def _alike(self, connection: duckdb.DuckDBPyConnection) -> tuple[str, int] | None:
        """Whether new rows are events that the stream has under other ids."""
        there = self._there()
        stored = {name for segment in there for name in segment.columns}
        both = [name for name in self._fields.values() if name in stored]
        if not both:
            return None
        known = parquet(self._store.segments.intact(segment) for segment in there)
        connection.execute(f"CREATE TEMP VIEW there AS SELECT * FROM {known}")  # noqa: S608
        connection.execute(f"CREATE TEMP VIEW staged AS SELECT * FROM {parquet(self._pieces)}")  # noqa: S608
        return named_alike(connection, _ROW, both)

    def _updates(self, connection: duckdb.DuckDBPyConnection, labels: Collection[str]) -> Updates:
        """What the staged rows change about events that the stream has already.

        Loading an older export again does not undo what later ones changed, unless *labels* are
        given.
        """
        there = self._there()
        with self._store.ledger.reading() as transaction:
            again = (
                not labels
                and self._source is not None
                and (
                    any(self._source.sha256 in segment.sources for segment in there)
                    or was_loaded(transaction, self._stream, self._source.sha256)
                )
            )
            since = fields_with_values(transaction, [self._stream])
            later = values_of(transaction, [self._stream], sorted(since))
        if again:
            return NONE
        fields = list(self._fields.values())
        told = ", ".join(f"s.{identifier(name)}" for name in fields)
        connection.execute(
            f"CREATE VIEW told AS SELECT n.event_id{', ' if told else ''}{told}"  # noqa: S608
            f" FROM {parquet(self._pieces)} s"
            f" JOIN (SELECT * FROM named ANTI JOIN fresh USING (position)) n"
            f" ON n.position = s.{identifier(_ROW)}"
        )
        known = parquet(self._store.segments.intact(segment) for segment in there)
        connection.execute(f"CREATE VIEW known AS SELECT * FROM {known}")  # noqa: S608
        stored = {name for segment in there for name in segment.columns}
        return updates(connection, fields, stored, later, labels)

    def _there(self) -> list[Segment]:
        """The segments of the stream that are not lost."""
        with self._store.ledger.reading() as transaction:
            there = listed(transaction, "events", [self._stream])
        lost = {segment.path for segment in self._lost}
        return [segment for segment in there if segment.path not in lost]

    def _admit(self, name: str) -> None:
        if not name or "\0" in name:
            raise DataError(
                "a field has a name that is empty or not valid text",
                hint="give every column a name, or name the fields to load",
            )
        if name.lower() in RESERVED:
            raise DataError(
                f"a field is called {name!r}, which is a reserved name",
                hint="give it another name in the mapping of fields, or name the fields to load",
            )
        if self._fields.setdefault(name.lower(), name) != name:
            raise DataError(
                f"fields {self._fields[name.lower()]!r} and {name!r} differ only in case",
                hint="rename one of them in the mapping of fields, or name the fields to load",
            )

    def _name(self, connection: duckdb.DuckDBPyConnection) -> tuple[int, int]:
        """Decide each row's id and keep the new rows; returns how many are distinct, and new."""
        staged = parquet(self._pieces)
        row = identifier(_ROW)
        numbered = (
            f"SELECT {row} AS position, event_id, "  # noqa: S608 - paths are ours and quoted
            f"row_number() OVER (PARTITION BY event_id ORDER BY {row}) - 1 AS n FROM {staged}"
        )
        if self._generated:
            choose = "CASE n WHEN 0 THEN event_id ELSE event_id || '-' || n END AS event_id"
            connection.execute(f"CREATE TABLE named AS SELECT position, {choose} FROM ({numbered})")  # noqa: S608
        else:
            connection.execute(
                f"CREATE TABLE named AS SELECT position, event_id FROM ({numbered}) WHERE n = 0"  # noqa: S608
            )
        known = "(SELECT NULL::VARCHAR AS event_id WHERE false)"
        there = self._there()
        if there:
            known = parquet(self._store.segments.intact(segment) for segment in there)
        connection.execute(
            f"CREATE TABLE fresh AS SELECT * FROM named "  # noqa: S608
            f"ANTI JOIN (SELECT event_id FROM {known}) USING (event_id)"
        )
        counts = "SELECT (SELECT count(*) FROM named), (SELECT count(*) FROM fresh)"
        distinct, fresh = connection.sql(counts).fetchall()[0]
        return int(distinct), int(fresh)


def _chosen(connection: duckdb.DuckDBPyConnection, piece: pa.Table) -> pa.Table:
    """The new rows of a piece, with their final ids.

    Each piece becomes its own segment, so that a load of any size keeps one piece in memory.
    """
    first = piece.column(_ROW)[0].as_py()
    chosen = connection.sql(
        f"SELECT position - {first} AS row, event_id FROM fresh "  # noqa: S608 - numbers
        f"WHERE position BETWEEN {first} AND {first + piece.num_rows - 1} ORDER BY position"
    ).to_arrow_table()
    events = piece.drop_columns([_ROW]).take(chosen.column("row"))
    return events.set_column(0, "event_id", chosen.column("event_id"))


def _in_order(events: pa.Table) -> pa.Table:
    """*events* in the order and form that a segment stores."""
    return events.sort_by([("arrival_time", "ascending"), ("event_id", "ascending")])


@contextmanager
def alone_with(store: Store, stream: str) -> Iterator[None]:
    """Keep other processes from adding to *stream* while the block runs.

    Raises:
        SiemUnavailable: another process keeps the stream busy.
    """
    with ExitStack() as held:
        _staging(store, stream, held)
        yield


@contextmanager
def intake(
    store: Store, stream: str, *, generated_ids: bool = False, source: Source | None = None
) -> Iterator[Intake]:
    """Open an addition to *stream*; only one at a time can be open, others wait.

    Leaving the block without a commit adds nothing. Files of a killed process are removed.

    Args:
        store: the store that holds the stream.
        stream: the name of the stream.
        generated_ids: whether ids are hashes of content, so that equal ids get a number added.
        source: the export that they come from.

    Raises:
        ConfigError: the stream's name is not valid.
        SiemUnavailable: another process keeps the stream busy, or the disk is full.
        SiemRefused: events of the stream are lost, and *source* does not restore them.
    """
    with ExitStack() as held:
        staging = _staging(store, stream_name(stream), held)
        with store.ledger.reading() as transaction:
            lost = missing(transaction, store.folder, stream)
        refuse_unless_put_back(lost, source)
        yield Intake(store, stream, staging, generated_ids=generated_ids, source=source, lost=lost)
        compact(store, "events", stream)


def _staging(store: Store, stream: str, held: ExitStack) -> Path:
    """A folder for additions to *stream*; no other process adds to it while *held* is open."""
    lock = store.staging / f"{stream}.lock"
    try:
        held.enter_context(FileLock(unlinked(lock), timeout=WAIT_SECONDS, mode=FILE_MODE))
        return held.enter_context(draft_folder(store.staging)).path
    except Timeout as error:
        raise SiemUnavailable(
            f"another process has been loading into stream {stream!r} for {WAIT_SECONDS} seconds",
            hint="wait until it has finished, then try again",
        ) from error
    except OSError as error:
        raise SiemUnavailable(
            f"cannot load into stream {stream!r}: {reason(error)}: {error.filename}",
            hint=f"{remedy(error)}; nothing was added",
        ) from error


def add_events(store: Store, stream: str, events: EventBatch) -> WriteReport:
    """Add *events* to *stream*; events whose id exists already are counted, not added again.

    Event times later than the arrival are set to it. Each event's reference becomes the stream's
    name.
    """
    table = pa.Table.from_batches([events.batch]).select([*KEYS, *events.fields])
    with intake(store, stream) as addition:
        addition.stage(clamped(table))
        added = addition.commit()
    return WriteReport(written=added.loaded, already_there=added.already_there + added.repeated)


def clamped(events: pa.Table) -> pa.Table:
    """*events* with event times no later than their arrival."""
    event, arrival = events.column("event_time"), events.column("arrival_time")
    earlier = pc.if_else(pc.greater(event, arrival), arrival, event)
    return events.set_column(events.column_names.index("event_time"), "event_time", earlier)
