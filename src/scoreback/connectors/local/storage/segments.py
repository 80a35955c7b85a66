"""Immutable Parquet segments: written aside, renamed, valid once the ledger lists them."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from scoreback.connectors.local.storage import ledger
from scoreback.disk.digests import Digests
from scoreback.disk.files import draft, private_folder, sync_folder
from scoreback.disk.room import reason, remedy
from scoreback.errors import SiemRefused, SiemUnavailable

ROW_GROUP_ROWS = 20_000  # rows per group, which a read can skip by time


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An export that events were loaded from."""

    sha256: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One Parquet file as the ledger lists it; times in microseconds, bounds inclusive."""

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
    sources: Mapping[str, str]  # for events: sha256 of each export → its name; empty where unknown


class Segments:
    """The segments of one folder."""

    def __init__(self, folder: Path) -> None:
        """Use *folder*; reads nothing yet."""
        self.folder = folder
        self._digests = Digests()

    def write(
        self,
        kind: str,
        stream: str,
        table: pa.Table,
        arrival: str,
        source: Source | None = None,
    ) -> Segment:
        """Store *table* in a file named after its content, not yet listed.

        Args:
            kind: ``events`` or ``scores``.
            stream: the stream of events; empty for scores.
            table: rows with ``event_time``, in the order in which reads return them.
            arrival: the name of the column with the arrival times.
            source: the export that the rows come from.

        Raises:
            SiemUnavailable: the disk is full or not writable; nothing is left behind.
        """
        table = table.drop_columns([n for n in table.column_names if _absent(table.column(n))])
        place = self.folder / kind / stream
        try:
            with draft(private_folder(self.folder / "staging")) as new:
                pq.write_table(table, new.file, compression="zstd", row_group_size=ROW_GROUP_ROWS)
                digest = new.sha256()
                size = new.file.tell()
                target = private_folder(place) / f"{digest[:32]}.parquet"
                new.keep(target)
                sync_folder(place)
        except OSError as error:
            raise SiemUnavailable(
                f"cannot write a segment in {place}: {reason(error)}",
                hint=f"{remedy(error)}; nothing is lost",
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
            sources={} if source is None else {source.sha256: source.name},
        )

    def discard(self, written: Iterable[Segment]) -> None:
        """Delete files that were written but will not be listed."""
        for segment in written:
            (self.folder / segment.path).unlink(missing_ok=True)

    def intact(self, segment: Segment) -> Path:
        """The path of the segment's file, after comparing it with the ledger, once per segment.

        Raises:
            SiemRefused: it is missing or damaged.
        """
        path = self.folder / segment.path
        try:
            if path.stat().st_size != segment.size:
                raise _damaged(path, segment, "its size differs from the ledger")
            if not self._digests.equal(path, segment.sha256):
                raise _damaged(path, segment, "its checksum differs from the ledger")
        except FileNotFoundError as error:
            raise _damaged(path, segment, "it is missing") from error
        except OSError as error:
            raise _damaged(path, segment, f"it cannot be read: {error.strerror}") from error
        return path


def list_segment(connection: sa.Connection, segment: Segment, *, evaluated: bool) -> None:
    """List *segment* in the ledger, within a writing transaction."""
    connection.execute(ledger.segments.insert().values(**asdict(segment), evaluated=evaluated))


def listed(
    connection: sa.Connection, kind: str, streams: Iterable[str] | None = None
) -> list[Segment]:
    """The listed segments, in the order in which they were listed."""
    query = sa.select(ledger.segments).where(ledger.segments.c.kind == kind)
    if streams is not None:
        query = query.where(ledger.segments.c.stream.in_(list(streams)))
    return [segment_of(row) for row in connection.execute(query.order_by("segment_id"))]


def segment_of(row: sa.Row[tuple[object, ...]]) -> Segment:
    """A segment from its row in the ledger."""
    values = {k: v for k, v in row._mapping.items() if k not in ("segment_id", "evaluated")}
    values["sources"] = values["sources"] or {}
    return Segment(**{**values, "columns": tuple(values["columns"])})


def _absent(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count == len(column))


def _damaged(path: Path, segment: Segment, why: str) -> SiemRefused:
    if segment.kind != "events":
        return SiemRefused(
            f"segment {path} with {segment.rows:,} {segment.kind} is damaged: {why}",
            hint="restore it from a backup; without one these scores are lost, but alerts and"
            " verdicts are kept",
        )
    again = f"load {exports(segment)} again" if segment.sources else "load its export again"
    return SiemRefused(
        f"segment {path} with {segment.rows:,} events is damaged: {why}",
        hint=f"restore it from a backup; or delete the file, if it exists, and {again}",
    )


def exports(segment: Segment) -> str:
    """Names of the exports that the events of *segment* were loaded from, for a message."""
    return ", ".join(sorted(set(segment.sources.values())))
