"""DuckDB as the engine of every room: in memory, in UTC, bounded, and never on the network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from scoreback.disk.files import draft_folder


def open_engine(
    memory: str, *, threads: int | None = None, spill: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that computes in UTC; the caller closes it.

    Args:
        memory: what it may hold, such as ``512MB``.
        threads: how many it may use; by default one for each core.
        spill: folder of its own for what does not fit, made when it is needed. Without one, a query
            that needs more than *memory* fails with `duckdb.OutOfMemoryException`: it never writes
            into the folder that the process happens to be started in.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "temp_directory": "" if spill is None else str(spill),
        # Whatever is not built in stays out: nothing is fetched, nothing is run that came later.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(config=config)
    connection.execute("SET TimeZone = 'UTC'")
    # A process without a script of its own is taken for a person at a prompt, and is shown a bar.
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def spilling_engine(
    memory: str, folder: Path, *, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """`open_engine` for one piece of work; what does not fit goes into a folder below *folder*.

    The folder has a random name, as two processes that spill into one would overwrite each other,
    and it is gone afterwards; of a killed process, `scoreback.disk.files.sweep` removes it.
    """
    with draft_folder(folder) as draft:
        connection = open_engine(memory, threads=threads, spill=draft.path)
        try:
            yield connection
        finally:
            connection.close()
