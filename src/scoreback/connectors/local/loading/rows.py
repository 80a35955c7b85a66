"""What every export format is read into: batches of text columns."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

BATCH_ROWS = 100_000  # they become one segment: some megabytes, so a read opens few files
BATCH_CHARACTERS = 64_000_000  # or so of source text are held at a time
MAX_ROW = 16_000_000  # bytes; a longer line is skipped without being held
TOO_LONG_ROW = f"the row is longer than {MAX_ROW:,} bytes"
NOT_UTF8 = "the row is not UTF-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of an export, in its order."""

    columns: Mapping[str, pa.Array]  # text, null where absent
    names: Collection[str]  # of all columns of the export so far, wanted or not
    lines: Sequence[int]  # where each row begins, from 1
    content: Sequence[str] | None  # a hash of each row's whole content, when asked for
    source: Callable[[int], str]  # a row as the export has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of the rows is wanted."""

    columns: Collection[str] | None  # None: all
    content: bytes | None  # a hash of each row's content, keyed by this
    max_columns: int  # refuse more, when all are wanted


class RowReader(Protocol):
    """One export format."""

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows; those that cannot be read go to the rejects.

        Raises:
            DataError: the file as a whole cannot be used.
        """
        ...


def content_hashes(columns: Mapping[str, pa.Array], rows: int, key: bytes) -> list[str]:
    """A hash of each row over its values and their columns' names; absent values don't count.

    Names and values carry their lengths, so that no two contents read alike, and columns are taken
    by name, so that their order in the export does not matter.
    """
    parts = [_tagged(name, columns[name]) for name in sorted(columns)]
    if not parts:
        return list(repeat(content_hash("", key), rows))
    # The empty text is in every row: pyarrow leaves out a row whose parts are all null.
    texts = pc.binary_join_element_wise("", *parts, "", null_handling="skip")
    return [content_hash(text, key) for text in texts.to_pylist()]


def content_hash(text: str, key: bytes) -> str:
    """The hash of one row's tagged content; another *key* (at most 64 bytes) gives another hash."""
    return hashlib.blake2b(text.encode(), digest_size=16, key=key).hexdigest()


def tagged(name: str, value: str) -> str:
    """One value of a row's content, as `content_hashes` has it."""
    return f"{len(name.encode())}:{name}{len(value.encode())}:{value}"


def _tagged(name: str, values: pa.Array) -> pa.Array:
    lengths = pc.cast(pc.binary_length(values), pa.string())
    tag = f"{len(name.encode())}:{name}"
    return pc.binary_join_element_wise(tag, lengths, ":", values, "")
