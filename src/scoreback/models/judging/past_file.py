"""What a pacer remembers, as bytes: a checksum, then columns in Arrow's format."""

import hashlib
import io
import json

import pyarrow as pa

from scoreback.models.judging.past import Past, Units

_COLUMNS = ("time", "entity", "score", "draw", "opened")
_EVENT_TIME = "event_time"  # a column only if an event was late; otherwise equal to the time
_DIGEST = 64  # hex digits of a sha256, at the start
_HOURS = b"hours"
_SUPPRESSED = b"suppressed"  # absent if there are none


def written_past(past: Past) -> bytes:
    """*past* as bytes; the same past gives the same bytes."""
    units = past.units
    arrays = [units.times, units.entities, units.scores, units.draws, past.opened]
    names = [*_COLUMNS]
    if (units.event_times != units.times).any():
        arrays.append(units.event_times)
        names.append(_EVENT_TIME)
    counts = {_HOURS: _written(past.hours)}
    if past.suppressed:
        counts[_SUPPRESSED] = _written(past.suppressed)
    batch = pa.record_batch([pa.array(array) for array in arrays], names=names)
    schema = batch.schema.with_metadata(counts)
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(batch.replace_schema_metadata(schema.metadata))
    content = sink.getvalue()
    return hashlib.sha256(content).hexdigest().encode() + content


def read_past(content: bytes) -> Past:
    """The inverse of `written_past`.

    Raises:
        ValueError: the content is damaged.
    """
    digest, body = content[:_DIGEST], content[_DIGEST:]
    if hashlib.sha256(body).hexdigest().encode() != digest:
        raise ValueError("the checksum is not that of the content")
    table = pa.ipc.open_stream(body).read_all()
    columns = [table[name].to_numpy() for name in _COLUMNS]
    late = _EVENT_TIME in table.column_names
    counts = table.schema.metadata or {}
    return Past(
        units=Units(
            times=columns[0], event_times=table[_EVENT_TIME].to_numpy() if late else columns[0],
            entities=columns[1], scores=columns[2], draws=columns[3],
        ),
        opened=columns[4],
        hours=_read(counts[_HOURS]),
        suppressed=_read(counts.get(_SUPPRESSED, b"{}")),
    )  # fmt: skip


def _written(counts: dict[int, int]) -> str:
    return json.dumps({str(hour): counts[hour] for hour in sorted(counts)})


def _read(counts: bytes) -> dict[int, int]:
    return {int(hour): int(count) for hour, count in json.loads(counts).items()}
