"""Lists what the streams hold: rows, times, exports, and fields with an example each.

Counts come from the ledger and from the statistics in the footer of each segment's file; only a few
events are read, for the examples.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoreback.connectors.doors.stored import StoredExport, StoredField, StoredStream
from scoreback.connectors.local.storage.compaction import kept_while_read
from scoreback.connectors.local.storage.segments import Segment, listed
from scoreback.connectors.local.storage.store import Store
from scoreback.multivalue import readable
from scoreback.records import EVENT_COLUMNS
from scoreback.times import moment

_OWN = frozenset(EVENT_COLUMNS.names)


def streams(store: Store) -> list[StoredStream]:
    """The streams of *store*, by name.

    Raises:
        SiemRefused: a segment is missing or damaged.
    """
    with kept_while_read(store):
        with store.ledger.reading() as connection:
            found = listed(connection, "events")
        by_name: dict[str, list[Segment]] = {}
        for segment in found:
            by_name.setdefault(segment.stream, []).append(segment)
        return [_stream(store, name, by_name[name]) for name in sorted(by_name)]


def field_names(store: Store, stream: str) -> set[str]:
    """The fields of *stream*; lost or damaged files are ignored."""
    with kept_while_read(store):
        with store.ledger.reading() as connection:
            segments = listed(connection, "events", [stream])
        found: set[str] = set()
        for segment in segments:
            with suppress(OSError, pa.ArrowInvalid):
                found.update(pq.read_schema(store.folder / segment.path).names)
        return found


def exports_of(segments: Iterable[Segment]) -> tuple[StoredExport, ...]:
    """The exports that the events of *segments* were loaded from, by name."""
    known = {sha: name for segment in segments for sha, name in segment.sources.items()}
    ordered = sorted(known.items(), key=lambda item: (item[1], item[0]))
    return tuple(StoredExport(name=name, sha256=sha) for sha, name in ordered)


def _stream(store: Store, name: str, segments: Sequence[Segment]) -> StoredStream:
    return StoredStream(
        name=name,
        rows=sum(segment.rows for segment in segments),
        event_times=(
            moment(min(segment.min_event for segment in segments)),
            moment(max(segment.max_event for segment in segments)),
        ),
        arrival_times=(
            moment(min(segment.min_arrival for segment in segments)),
            moment(max(segment.max_arrival for segment in segments)),
        ),
        exports=exports_of(segments),
        fields=_fields(store, segments),
    )


def _fields(store: Store, segments: Sequence[Segment]) -> tuple[StoredField, ...]:
    filled: dict[str, int] = {}
    examples: dict[str, str] = {}
    for segment in segments:
        with pq.ParquetFile(store.segments.intact(segment)) as file:
            for name, count in _filled(file).items():
                filled[name] = filled.get(name, 0) + count
            examples |= _examples(file, [name for name in filled if name not in examples])
    return tuple(
        StoredField(name=name, filled=filled[name], example=examples.get(name, ""))
        for name in sorted(filled)
    )


def _filled(file: pq.ParquetFile) -> dict[str, int]:
    """Rows with a value, by field, from the footer of *file*."""
    counts: dict[str, int] = {}
    for group in range(file.metadata.num_row_groups):
        part = file.metadata.row_group(group)
        for number in range(part.num_columns):
            column = part.column(number)
            name = file.schema_arrow.names[number]
            if name not in _OWN:
                empty = column.statistics.null_count if column.statistics is not None else 0
                counts[name] = counts.get(name, 0) + part.num_rows - (empty or 0)
    return counts


def _examples(file: pq.ParquetFile, wanted: Sequence[str]) -> dict[str, str]:
    """The first value of each *wanted* field; reads row groups only until all are found."""
    found: dict[str, str] = {}
    for group in range(file.metadata.num_row_groups):
        names = [n for n in wanted if n not in found and n in file.schema_arrow.names]
        if not names:
            break
        table = file.read_row_group(group, columns=names)
        for name in names:
            values = table.column(name).drop_null()
            if len(values):
                found[name] = _text(values.slice(0, 1))
    return found


def _text(value: pa.ChunkedArray) -> str:
    if pa.types.is_string(value.type) or pa.types.is_large_string(value.type):
        return str(readable(value.cast(pa.string()))[0].as_py())
    return str(pc.cast(value, pa.string())[0].as_py())
