"""What a pacer remembers, as bytes: those of before are read, and nothing is lost on the way."""

import io
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.judging.past import Past, Units
from scoreback.models.judging.past_file import read_past, written_past

TIMES = np.array([7_200_000_000, 7_300_000_000], dtype=np.int64)
PAST = Past(
    units=Units(
        times=TIMES, event_times=TIMES, entities=np.array([5, -1]), scores=np.array([0.9, 0.8]),
        draws=np.array([0.1, 0.2]),
    ),
    opened=np.array([True, False]),
    hours={7_200_000_000: 12},
)  # fmt: skip


def same(one: Past, other: Past) -> bool:
    return written_past(one) == written_past(other)


def test_late_events_and_what_was_held_back_are_read_back() -> None:
    late = replace(PAST.units, event_times=np.array([7_200_000_000, 1_000_000]))
    past = replace(PAST, units=late, suppressed={7_200_000_000: 3})
    again = read_past(written_past(past))
    assert again.units.event_times.tolist() == [7_200_000_000, 1_000_000]
    assert again.suppressed == {7_200_000_000: 3}
    assert same(again, past)


def test_the_bytes_of_earlier_versions_are_read_as_of_events_on_time() -> None:
    units = PAST.units
    arrays = [units.times, units.entities, units.scores, units.draws, PAST.opened]
    names = ["time", "entity", "score", "draw", "opened"]
    batch = pa.record_batch([pa.array(array) for array in arrays], names=names)
    batch = batch.replace_schema_metadata({"hours": '{"7200000000": 12}'})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    old = sha256(sink.getvalue()).hexdigest().encode() + sink.getvalue()
    assert same(read_past(old), PAST)
    assert read_past(old).units.event_times.tolist() == TIMES.tolist()
    assert read_past(old).suppressed == {}


def test_a_damaged_past_is_refused() -> None:
    content = bytearray(written_past(PAST))
    content[-20] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        read_past(bytes(content))
