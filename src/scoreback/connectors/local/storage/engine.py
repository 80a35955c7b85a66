"""DuckDB over this folder's files; turns DuckDB's errors into Scoreback's."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from scoreback.disk.room import no_room
from scoreback.engine import spilling_engine
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.sql import literal

# above this, DuckDB spills to disk; a laptop with an open browser can spare it
MEMORY_LIMIT = "512MB"


@contextmanager
def engine(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for one piece of work, which spills to the folder *spill*.

    Raises:
        SiemUnavailable: the disk is full or the memory limit was too small.
        SiemRefused: a file is damaged.
    """
    try:
        with spilling_engine(MEMORY_LIMIT, spill) as connection:
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise SiemUnavailable(
            f"the embedded SIEM ran out of memory or disk while working in {spill}",
            hint="free some disk space there and try again",
        ) from error
    except duckdb.IOException as error:
        full = no_room(error)
        raise SiemUnavailable(
            f"the embedded SIEM could not read or write its files: {full or _first_line(error)}",
            hint=f"check that the disk with {spill} has free space and the files are readable",
        ) from error
    except duckdb.InvalidInputException as error:
        raise SiemRefused(
            f"the embedded SIEM found a damaged file: {_first_line(error)}",
            hint="restore the file from a backup",
        ) from error


def parquet(paths: Iterable[Path]) -> str:
    """SQL for the rows of *paths*, which may have different columns."""
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"


def batches(relation: duckdb.DuckDBPyRelation, rows: int) -> Iterator[pa.Table]:
    """The result in order, in tables of exactly *rows* rows except for the last."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in relation.to_arrow_reader(rows):
        waiting.append(batch)
        held += batch.num_rows
        while held >= rows:
            table = pa.Table.from_batches(waiting)
            yield table.slice(0, rows)
            waiting, held = table.slice(rows).to_batches(), held - rows
    if held:
        yield pa.Table.from_batches(waiting)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
