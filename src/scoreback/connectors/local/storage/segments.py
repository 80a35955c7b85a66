"""Immutable Parquet segments: written aside, renamed, counted once the ledger lists them."""

import hashlib
import logging
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from scoreback.connectors.local.storage import ledger
from scoreback.errors import SiemRefused, SiemUnavailable

ROW_GROUP_ROWS = 20_000  # what a read can skip by time inside a segment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One Parquet file as the ledger knows it; times in microseconds, bounds inclusive."""

    path: str
    kind: str
    stream: str
    rows: int
    min_event: int
    max_event: int
    min_arrival: int
    max_arrival: int
    columns: tuple[str, ...]
    size: int
    sha256: str


class Segments:
    """The segments of one folder."""

    def __init__(self, folder: Path) -> None:
        """Keep *folder*; nothing is read yet."""
        self.folder = folder
        self._intact: set[str] = set()  # checked by this process; a segment never changes

    def write(self, kind: str, stream: str, table: pa.Table, arrival: str) -> Segment:
        """Store *table* in a file named after its content, not yet listed.

        Args:
            kind: ``events`` or ``scores``.
            stream: of events; empty for scores.
            table: rows with ``event_time``, in the order they are to be read.
            arrival: name of the column that holds the arrival clock.

        Raises:
            SiemUnavailable: the disk is full or may not be written; nothing is left behind.
        """
        table = table.drop_columns([n for n in table.column_names if _absent(table.column(n))])
        place = self.folder / kind / stream
        aside = place / f".{secrets.token_hex(8)}.tmp"
        try:
            place.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                pq.write_table(table, file, compression="zstd", row_group_size=ROW_GROUP_ROWS)
                file.flush()
                os.fsync(file.fileno())
            with aside.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = aside.stat().st_size
            target = place / f"{digest[:32]}.parquet"
            aside.replace(target)
            _sync_folder(place)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise SiemUnavailable(
                f"cannot write a segment in {place}: {error.strerror or error}",
                hint="free some space on that disk, check that you may write there, and try again",
            ) from error
        event, arrived = (pc.min_max(table.column(n)) for n in ("event_time", arrival))
        return Segment(
            path=target.relative_to(self.folder).as_posix(),
            kind=kind,
            stream=stream,
            rows=table.num_rows,
            min_event=event["min"].value,
            max_event=event["max"].value,
            min_arrival=arrived["min"].value,
            max_arrival=arrived["max"].value,
            columns=tuple(table.column_names),
            size=size,
            sha256=digest,
        )

    def discard(self, written: Iterable[Segment]) -> None:
        """Remove files that were written but will not be listed."""
        for segment in written:
            (self.folder / segment.path).unlink(missing_ok=True)

    def intact(self, segment: Segment) -> Path:
        """The segment's file, checked against the ledger once per process.

        Raises:
            SiemRefused: it is missing or damaged.
        """
        path = self.folder / segment.path
        if segment.path in self._intact and path.exists():
            return path
        try:
            if path.stat().st_size != segment.size:
                raise _damaged(path, "its size is not what the ledger says")
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != segment.sha256:
                    raise _damaged(path, "its checksum is not what the ledger says")
        except FileNotFoundError as error:
            raise _damaged(path, "it is missing") from error
        self._intact.add(segment.path)
        return path


def list_segment(connection: sa.Connection, segment: Segment, *, evaluated: bool) -> None:
    """Make *segment* count, within a writing transaction."""
    connection.execute(ledger.segments.insert().values(**asdict(segment), evaluated=evaluated))


def listed(
    connection: sa.Connection, kind: str, streams: Iterable[str] | None = None
) -> list[Segment]:
    """The segments that count, in the order they were listed."""
    query = sa.select(ledger.segments).where(ledger.segments.c.kind == kind)
    if streams is not None:
        query = query.where(ledger.segments.c.stream.in_(list(streams)))
    return [segment_of(row) for row in connection.execute(query.order_by("segment_id"))]


def segment_of(row: sa.Row[tuple[object, ...]]) -> Segment:
    """A segment from its row in the ledger."""
    values = {k: v for k, v in row._mapping.items() if k not in ("segment_id", "evaluated")}
    return Segment(**{**values, "columns": tuple(values["columns"])})


def forget_missing(connection: sa.Connection, folder: Path, stream: str) -> None:
    """Stop counting event segments whose file is gone, so that a new load can put them back."""
    for segment in listed(connection, "events", [stream]):
        if not (folder / segment.path).exists():
            logger.warning("segment %s is gone with %d events", segment.path, segment.rows)
            connection.execute(
                ledger.segments.delete().where(ledger.segments.c.path == segment.path)
            )


def _absent(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count == len(column))


def _damaged(path: Path, why: str) -> SiemRefused:
    return SiemRefused(
        f"segment {path} is damaged: {why}",
        hint="restore it from a backup; or, for events, delete it and load the export again",
    )


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
