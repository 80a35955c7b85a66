"""Progress of long work where no person watches: a line on standard error every ten seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from scoreback.service.cli.streams import complain

EVERY = 10.0  # seconds


class Work:
    """What is being done, and how far it is."""

    def __init__(self, what: str, total: int | None, began: float) -> None:
        """Begin *what*, of *total* steps, at *began* on the monotonic clock."""
        self._what, self._began = what, began
        self.total, self.done, self.stage, self.counted = total, 0, "", False

    def line(self, now: float) -> str:
        """How far it is at *now*, for a person."""
        about = f"{self._what}: {self.stage}" if self.stage else self._what
        of = f" of {self.total:,}" if self.total else ""
        far = f", {self.done:,}{of}" if self.counted else ""
        seconds = int(now - self._began)
        return f"scoreback: {about}{far} ({seconds // 60}:{seconds % 60:02} so far)"


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Tells of *what* as it goes on; what it gives is told how many steps more are done."""
    with _told(Work(what, total, time.monotonic())) as work:

        def count(more: int) -> None:
            work.done += more
            work.counted = True

        yield count


@contextmanager
def stages(what: str) -> Iterator[Callable[[int, int, str], None]]:
    """The same of steps done, of how many (0: unknown), and the name of the stage."""
    with _told(Work(what, None, time.monotonic())) as work:

        def tell(done: int, steps: int, stage: str) -> None:
            work.done, work.total, work.stage = done, steps or None, stage
            work.counted = bool(steps)

        yield tell


@contextmanager
def _told(work: Work) -> Iterator[Work]:
    """A thread of its own tells, as a long step says nothing meanwhile."""
    ended = Event()

    def tell() -> None:
        while not ended.wait(EVERY):
            complain(work.line(time.monotonic()))

    telling = Thread(target=tell, name="progress", daemon=True)
    telling.start()
    try:
        yield work
    finally:
        ended.set()
        telling.join()
