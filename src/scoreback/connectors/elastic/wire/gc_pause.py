"""Pauses Python's cyclic garbage collection while a page is decoded.

Decoding creates hundreds of thousands of objects without any cycle. Every few hundred of them start
a collection that walks them all: nearly half of the decoding time, as measured.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Collection:
    """This process's collector; pauses of several threads may overlap."""

    def __init__(self) -> None:
        """Start without a pause."""
        self._lock = Lock()
        self._pauses = 0
        self._was_enabled = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Prevent collections while the block runs, then restore the previous state."""
        with self._lock:
            if self._pauses == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._pauses += 1
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if self._pauses == 0 and self._was_enabled:
                    gc.enable()


COLLECTION = Collection()
