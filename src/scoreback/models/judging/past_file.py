"""What a pacer remembers, as bytes: columns in Arrow's own form, behind a checksum of them."""

import hashlib
import io
import json

import pyarrow as pa

from scoreback.models.judging.past import Past, Units

_COLUMNS = ("time", "entity", "score", "draw", "opened")
_DIGEST = 64  # hex digits of a sha256, before all else
_HOURS = b"hours"


def written_past(past: Past) -> bytes:
    """*past* as bytes; the same past gives the same bytes."""
    units = past.units
    arrays = (units.times, units.entities, units.scores, units.draws, past.opened)
    hours = json.dumps({str(hour): past.hours[hour] for hour in sorted(past.hours)})
    batch = pa.record_batch([pa.array(array) for array in arrays], names=list(_COLUMNS))
    schema = batch.schema.with_metadata({_HOURS: hours})
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
    hours = json.loads((table.schema.metadata or {})[_HOURS])
    return Past(
        units=Units(times=columns[0], entities=columns[1], scores=columns[2], draws=columns[3]),
        opened=columns[4],
        hours={int(hour): int(count) for hour, count in hours.items()},
    )
