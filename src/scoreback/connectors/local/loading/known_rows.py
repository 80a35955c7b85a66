"""Recognises rows without an id that were loaded before with other labels.

Without an id column, a row's id is the hash of its content. A label that was filled in since then
would make it a different row; so the hash leaves out label columns and, for rows that had a label
when they were first loaded, is tried with each label that the stream has.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scoreback.connectors.local.loading.label_updates import LABEL_VALUES
from scoreback.connectors.local.loading.rows import content_hashes

_SAMPLE = 100  # how many new rows are examined to find label columns
_ENOUGH = 0.5  # a column is a label column if this share of rows is recognised without it


class KnownRows:
    """The rows of one stream, by the hashes of their content."""

    def __init__(
        self,
        segments: Sequence[Path],
        key: bytes,
        labels: Collection[str],
        times: Collection[str],
    ) -> None:
        """Look up rows in *segments*, whose hashes were made with *key*.

        Args:
            segments: the segments of the stream.
            key: the key of its hashes.
            labels: columns that hold labels; if empty, they are guessed.
            times: columns that hold event times, and therefore no labels.
        """
        self._segments, self._key, self._times = segments, key, frozenset(times)
        self.labels = tuple(labels)

    def ids(self, columns: Mapping[str, pa.Array], content: pa.Array) -> pa.Array:
        """The ids of rows: hashes of their *content*, or the ids that the stream already uses."""
        if self._segments and not self.labels:
            fresh = np.flatnonzero(~self._there(content))
            some = pa.array(fresh[:_SAMPLE])
            if len(fresh):
                sample = {name: column.take(some) for name, column in columns.items()}
                self.labels = self._found(sample, known=len(content) - len(fresh))
        if not self.labels:
            return content
        # A row that needs a special way of reading has a special hash: leave it as it is.
        usual = pc.equal(self._hashes(columns, len(content)), content)
        without = {name: c for name, c in columns.items() if name not in self.labels}
        bare = pc.if_else(usual, self._hashes(without, len(content)), content)
        if not self._segments:
            return bare
        left = np.flatnonzero(~self._there(bare))
        if len(left):
            found = np.array(bare.to_pylist(), dtype=object)
            self._as_before(found, left, without)
            return pa.array(found, pa.string())
        return bare

    def _hashes(self, columns: Mapping[str, pa.Array], rows: int) -> pa.Array:
        return pa.array(content_hashes(columns, rows, self._key), pa.string())

    def _as_before(
        self, found: NDArray[np.object_], left: NDArray[np.int64], without: Mapping[str, pa.Array]
    ) -> None:
        """Put into *found* the ids of rows that were first loaded with another label."""
        before = [name for name in self.labels if name in self._columns]
        for value in self._values(before[0]) if len(before) == 1 else ():
            rows = {name: column.take(pa.array(left)) for name, column in without.items()}
            rows[before[0]] = pa.repeat(pa.scalar(value), len(left))
            hashes = self._hashes(rows, len(left))
            there = self._there(hashes)
            found[left[there]] = hashes.filter(pa.array(there)).to_pylist()
            left = left[~there]
            if not len(left):
                return

    def _found(self, sample: Mapping[str, pa.Array], known: int) -> tuple[str, ...]:
        """The columns without which most rows of *sample* are known.

        A row that differs in one value from a stored row may be a separate event. It counts as
        relabelled only where some row had no label before, or where at least as many rows are
        *known* unchanged.
        """
        for names in self._candidates(sample):
            rest = {name: column for name, column in sample.items() if name not in names}
            rows = len(next(iter(sample.values())))
            hashes = [self._hashes(rest, rows)]
            if len(names) == 1:
                hashes += [
                    self._hashes(rest | {names[0]: pa.repeat(pa.scalar(value), rows)}, rows)
                    for value in self._values(names[0])
                ]
            there = [self._there(each) for each in hashes]
            found = np.any(there, axis=0)
            if found.mean() >= _ENOUGH and (there[0].any() or known >= found.sum()):
                return names
        return ()

    def _candidates(self, sample: Mapping[str, pa.Array]) -> Iterator[tuple[str, ...]]:
        filled = [
            name
            for name, column in sample.items()
            if column.null_count < len(column) and name not in self._times
        ]
        new = tuple(name for name in filled if name not in self._columns)
        if len(new) > 1:
            yield new
        for name in filled:
            yield (name,)
        for name in filled:
            if name not in new and new:
                yield (*new, name)

    def _there(self, ids: pa.Array) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = pc.is_in(ids, value_set=self._ids).to_numpy(zero_copy_only=False)
        return known

    @cached_property
    def _ids(self) -> pa.Array:
        read = [
            pq.read_table(path, columns=["event_id"], partitioning=None) for path in self._segments
        ]
        return pa.concat_tables(read).column("event_id").combine_chunks().cast(pa.string())

    @cached_property
    def _columns(self) -> set[str]:
        return {name for path in self._segments for name in pq.read_schema(path).names}

    def _values(self, name: str) -> list[str]:
        """The distinct values that the stream has in column *name*; empty if there are many."""
        found: set[str] = set()
        for path in self._segments:
            if name in pq.read_schema(path).names:
                column = pq.read_table(path, columns=[name], partitioning=None).column(name)
                found.update(v for v in pc.unique(column.cast(pa.string())).to_pylist() if v)
            if len(found) > LABEL_VALUES:
                return []
        return sorted(found)
