"""DuckDB as this folder's engine: in memory only, so that no process locks out another."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from scoreback.errors import SiemRefused, SiemUnavailable

MEMORY_LIMIT = "512MB"  # beyond it DuckDB spills to disk; a laptop beside a browser has this


@contextmanager
def engine(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for one piece of work, whose overflow goes to the folder *spill*.

    Raises:
        SiemUnavailable: the disk is full or the memory limit was not enough.
        SiemRefused: a file is damaged.
    """
    connection = open_engine(spill)
    try:
        yield connection
    except duckdb.OutOfMemoryException as error:
        raise SiemUnavailable(
            f"the embedded SIEM ran out of memory or disk for its work in {spill}",
            hint="free some disk space there and try again",
        ) from error
    except duckdb.IOException as error:
        raise SiemUnavailable(
            f"the embedded SIEM could not read or write its files: {_first_line(error)}",
            hint=f"check that the disk of {spill} has room and its files are readable",
        ) from error
    except duckdb.InvalidInputException as error:
        raise SiemRefused(
            f"the embedded SIEM found a damaged file: {_first_line(error)}",
            hint="restore the file from a backup",
        ) from error
    finally:
        connection.close()


def open_engine(spill: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with our limits, in UTC; the caller closes it."""
    connection = duckdb.connect(
        config={
            "memory_limit": MEMORY_LIMIT,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def identifier(name: str) -> str:
    """*name* quoted as SQL writes a column."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """*text* quoted as SQL writes a string."""
    return "'" + text.replace("'", "''") + "'"


def parquet(paths: Iterable[Path]) -> str:
    """SQL for the rows of *paths*, whose columns may differ."""
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true)"


def batches(relation: duckdb.DuckDBPyRelation, rows: int) -> Iterator[pa.Table]:
    """The result in order, in tables of exactly *rows* rows but for the last."""
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
