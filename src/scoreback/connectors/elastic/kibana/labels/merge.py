"""Merges several streams of labels, each in order of label time, into one."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import BATCH_ROWS
from scoreback.records import LABEL_COLUMNS


def merged(streams: Sequence[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all *streams* by label time, with a batch of each in memory at a time.

    Batches have at most `BATCH_ROWS` rows, and at least one.
    """
    heads = [_Head(stream) for stream in streams]
    while heads := [head for head in heads if head.more()]:
        if len(heads) == 1:
            yield from _bounded(heads[0].take_all())
            continue
        # Every stream has been read up to here; a later row may be in a batch to come.
        known = min(head.last for head in heads)
        parts = [head.take(known) for head in heads]
        table = pa.Table.from_batches([part for part in parts if part.num_rows])
        whole = table.sort_by([("label_time", "ascending")]).combine_chunks()
        yield from _bounded(whole.to_batches()[0])


class _Head:
    """What was read of one stream and not yielded yet."""

    def __init__(self, stream: Iterator[pa.RecordBatch]) -> None:
        self._stream = stream
        self._rows: pa.RecordBatch = pa.RecordBatch.from_pylist([], schema=LABEL_COLUMNS)

    def more(self) -> bool:
        """Whether there are rows; reads the next batch if necessary."""
        while not self._rows.num_rows:
            found = next(self._stream, None)
            if found is None:
                return False
            self._rows = found.select(LABEL_COLUMNS.names)
        return True

    @property
    def last(self) -> int:
        """The time of the last row, in microseconds."""
        return int(self._rows.column("label_time")[-1].cast(pa.int64()).as_py())

    def take_all(self) -> pa.RecordBatch:
        found, self._rows = self._rows, self._rows.slice(self._rows.num_rows)
        return found

    def take(self, until: int) -> pa.RecordBatch:
        """Take out the rows up to and including the time *until*."""
        times = self._rows.column("label_time").cast(pa.int64())
        count = pc.sum(pc.less_equal(times, until)).as_py() or 0
        found, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        return found


def _bounded(rows: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows.num_rows, BATCH_ROWS):
        yield rows.slice(start, BATCH_ROWS)
