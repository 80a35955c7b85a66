"""The common form of every export format: batches of text columns."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

# one batch becomes one segment: some megabytes, so that a read opens few files
BATCH_ROWS = 100_000
BATCH_CHARACTERS = 64_000_000  # about how many bytes of source text are in memory at a time
MAX_ROW = 16_000_000  # bytes; a longer line is skipped without reading it into memory
TOO_LONG_ROW = f"the row is longer than {MAX_ROW:,} bytes"
NOT_UTF8 = "the row is not UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of an export, in its order."""

    columns: Mapping[str, pa.Array]  # text; null where the value is missing
    names: Collection[str]  # names of all columns seen in the export so far, wanted or not
    lines: Sequence[int]  # the line where each row begins, counted from 1
    content: Sequence[str] | None  # a hash of each row's whole content, if requested
    source: Callable[[int], str]  # a row as it stands in the export


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to read of each row."""

    columns: Collection[str] | None  # None: all
    content: bytes | None  # the key for a hash of each row's content; None: no hashes
    max_columns: int  # refuse an export with more columns, when all are wanted


class RowReader(Protocol):
    """A reader for one export format."""

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows; rows that cannot be read are rejected.

        Raises:
            DataError: the file as a whole cannot be used.
        """
        ...


def content_hashes(columns: Mapping[str, pa.Array], rows: int, key: bytes) -> list[str]:
    """A hash of each row over its values and column names; missing values do not count.

    Names and values carry their lengths, so that different contents never look the same. Columns
    are sorted by name, so that their order in the export does not matter.
    """
    parts = [_tagged(name, columns[name]) for name in sorted(columns)]
    if not parts:
        return list(repeat(content_hash("", key), rows))
    # Every row contains the empty text, because pyarrow drops a row whose parts are all null.
    texts = pc.binary_join_element_wise("", *parts, "", null_handling="skip")
    return [content_hash(text, key) for text in texts.to_pylist()]


def content_hash(text: str, key: bytes) -> str:
    """The hash of one row's tagged content; another *key* (at most 64 bytes) gives another hash."""
    return hashlib.blake2b(text.encode(), digest_size=16, key=key).hexdigest()


def tagged(name: str, value: str) -> str:
    """One value of a row's content in the form that `content_hashes` uses."""
    return f"{len(name.encode())}:{name}{len(value.encode())}:{value}"


def _tagged(name: str, values: pa.Array) -> pa.Array:
    lengths = pc.cast(pc.binary_length(values), pa.string())
    tag = f"{len(name.encode())}:{name}"
    return pc.binary_join_element_wise(tag, lengths, ":", values, "")
