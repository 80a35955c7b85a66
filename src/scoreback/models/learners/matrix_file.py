"""The float32 matrix that models learn from, in a file, so that it need not fit into memory.

The file has no name: it disappears once no process holds the matrix, even after a crash.
"""

import mmap
import os
import tempfile
from collections.abc import Iterator

import numpy as np

from scoreback.disk.room import reason
from scoreback.errors import DataError
from scoreback.models.learners.model import Matrix

BLOCK = 65_536  # rows to read or write at a time


def new_matrix(rows: int, width: int) -> Matrix:
    """A matrix of zeros, shape (rows, width), in a file in the folder for temporary files.

    Raises:
        DataError: there is not enough disk space.
    """
    if not rows * width:
        return np.zeros((rows, width), dtype=np.float32)
    size = rows * width * np.dtype(np.float32).itemsize
    with tempfile.TemporaryFile() as file:
        try:  # reserve space now: writing a page to a full disk later would kill the process
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise DataError(
                f"the matrix of {rows:,} rows and {width} features needs {size / 2**20:,.0f} MiB in"
                f" {tempfile.gettempdir()}: {reason(error)}",
                hint="free some space there, or set TMPDIR to a folder with more room",
            ) from error
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(rows, width))


def row_blocks(matrix: Matrix) -> Iterator[slice]:
    """Rows of *matrix*, `BLOCK` at a time."""
    for start in range(0, len(matrix), BLOCK):
        yield slice(start, min(start + BLOCK, len(matrix)))


def let_go(matrix: Matrix) -> None:
    """Tell the system that pages of *matrix* may leave memory; their content is kept."""
    if isinstance(matrix.base, mmap.mmap):
        matrix.base.madvise(mmap.MADV_DONTNEED)
