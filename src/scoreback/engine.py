"""DuckDB as the engine of all packages: in memory, in UTC, with limits, and without network."""

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
        memory: its memory limit, such as ``512MB``.
        threads: how many threads it may use; by default one per core.
        spill: folder of its own for what does not fit, made when it is needed. Without one, a query
            that needs more than *memory* fails with `duckdb.OutOfMemoryException`: it never writes
            into the folder that the process happens to be started in.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "temp_directory": "" if spill is None else str(spill),
        # No extensions: nothing is downloaded, and nothing runs that was installed later.
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
    }
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(config=config)
    connection.execute("SET TimeZone = 'UTC'")
    # DuckDB takes a process without a script for an interactive one, and shows a progress bar.
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def spilling_engine(
    memory: str, folder: Path, *, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """`open_engine` for one task; what does not fit into memory goes into a folder below *folder*.

    The folder has a random name, as two processes that spill into one would overwrite each other,
    and is removed afterwards; if the process is killed, `scoreback.disk.files.sweep` removes it.
    """
    with draft_folder(folder) as draft:
        connection = open_engine(memory, threads=threads, spill=draft.path)
        try:
            yield connection
        finally:
            connection.close()
