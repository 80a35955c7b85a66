"""Streams of labels become one, in order, whatever their batches are."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.kibana.labels import merge
from scoreback.connectors.elastic.kibana.labels.hits import Source
from scoreback.connectors.elastic.kibana.labels.merge import merged
from scoreback.connectors.elastic.kibana.labels.rows import batch, row

_STREAM = st.lists(st.lists(st.integers(0, 30), max_size=5), max_size=5)


def batches(times: list[list[int]], of: str) -> Iterator[pa.RecordBatch]:
    flat = iter(sorted(at for some in times for at in some))
    for number, some in enumerate(times):
        yield batch([row(f"{of}{number}", Source(), next(flat)) for _ in some])


@given(streams=st.lists(_STREAM, max_size=4), most=st.integers(1, 7))
def test_every_row_comes_once_and_in_order(streams: list[list[list[int]]], most: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merge, "BATCH_ROWS", most)
        given = [batches(times, str(n)) for n, times in enumerate(streams)]
        found = list(merged(given))
    assert all(0 < one.num_rows <= most for one in found)
    rows = [one for rows in found for one in rows.to_pylist()]
    times = [one["label_time"] for one in rows]
    assert times == sorted(times)
    wanted = sorted((n, at) for n, stream in enumerate(streams) for some in stream for at in some)
    told = sorted((int(one["alert_id"][0]), one["label_time"].microsecond) for one in rows)
    assert told == wanted


def test_a_stream_is_read_no_further_than_needed() -> None:
    taken = []

    def endless() -> Iterator[pa.RecordBatch]:
        for at in range(100):
            taken.append(at)
            yield batch([row("a", Source(), at)])

    first = next(merged([endless(), iter([batch([row("b", Source(), 50)])])]))
    assert first.num_rows == 1
    assert len(taken) == 1
