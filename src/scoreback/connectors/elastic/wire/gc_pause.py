"""Pauses Python's cyclic garbage collection while a page is decoded.

Decoding makes hundreds of thousands of objects that hold no cycle. Each few hundred of them start a
collection that walks them all: measured, nearly half the time of decoding.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class Collection:
    """The collector of this process; pauses of several threads may overlap."""

    def __init__(self) -> None:
        """Nobody has paused it yet."""
        self._lock = Lock()
        self._pauses = 0
        self._was_enabled = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """No collection starts meanwhile; afterwards all is as it was."""
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
