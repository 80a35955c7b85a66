"""The float32 matrix that is learnt from, in a file, so that it need not lie in memory as a whole.

The file has no name: it is gone when nobody holds the matrix any more, even after a crash.
"""

import mmap
import tempfile
from collections.abc import Iterator

import numpy as np

from scoreback.models.learners.model import Matrix

BLOCK = 65_536  # rows that are read or written at a time


def new_matrix(rows: int, width: int) -> Matrix:
    """A matrix of zeros, shape (rows, width), in a file of the folder for temporary files."""
    if not rows * width:
        return np.zeros((rows, width), dtype=np.float32)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=(rows, width))


def row_blocks(matrix: Matrix) -> Iterator[slice]:
    """Rows of *matrix*, `BLOCK` at a time."""
    for start in range(0, len(matrix), BLOCK):
        yield slice(start, min(start + BLOCK, len(matrix)))


def let_go(matrix: Matrix) -> None:
    """Tell the system that what was read or written of *matrix* may leave memory; it stays true."""
    if isinstance(matrix.base, mmap.mmap):
        matrix.base.madvise(mmap.MADV_DONTNEED)
