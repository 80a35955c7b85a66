"""Cuts texts into requests of bounded size, where possible as one slice of an Arrow column."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

Positions = np.ndarray[tuple[int], np.dtype[np.int64]]


def portions(texts: pa.Array, most_bytes: int, most_items: int) -> Iterator[Positions]:
    """The positions of *texts* for each request; a text over the limit goes alone."""
    items = np.arange(len(texts))
    if not len(items):
        return
    start, ends = 0, _offsets(texts)
    while start < len(items):
        fitting = int(np.searchsorted(ends, int(ends[start]) + most_bytes, side="right")) - 1
        end = min(max(fitting, start + 1), start + most_items)
        yield items[start:end]
        start = end


def together(texts: pa.Array, items: Positions) -> bytes:
    """The text of *items*; neighbours are cut out of the column as one slice."""
    if len(items) == items[-1] - items[0] + 1:
        offsets = _offsets(texts)
        data = texts.buffers()[2]
        return bytes(memoryview(data)[offsets[items[0]] : offsets[items[-1] + 1]])
    return "".join(texts.take(pa.array(items)).to_pylist()).encode()


def _offsets(texts: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Where each text begins in the column's data, and where the last ends."""
    found = np.frombuffer(texts.buffers()[1], np.int32)
    return found[texts.offset : texts.offset + len(texts) + 1]
