"""Progress of long work where no person watches: a line on standard error every ten seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from scoreback.service.cli.streams import complain

EVERY = 10.0  # seconds
_MEGABYTE = 1_000_000


class Work:
    """What is being done, and how far it is; of several, the one that was heard of last goes on."""

    latest: "Work | None" = None

    def __init__(
        self, what: str, total: int | None, began: float, *, in_bytes: bool = False
    ) -> None:
        """Begin *what*, of *total* steps or bytes, at *began* on the monotonic clock."""
        self._what, self._began, self._in_bytes = what, began, in_bytes
        self.total, self.done, self.stage, self.counted = total, 0, "", False

    def advance(self, more: int) -> None:
        """*more* steps are done."""
        self.done += more
        self.counted = True
        Work.latest = self

    def at(self, done: int, steps: int, stage: str) -> None:
        """*done* of *steps* (0: unknown), in this *stage*."""
        self.done, self.total, self.stage = done, steps or None, stage
        self.counted = bool(steps)
        Work.latest = self

    @property
    def goes_on(self) -> bool:
        """Whether no other work was heard of since this one was."""
        return Work.latest is None or Work.latest is self

    def line(self, now: float) -> str:
        """How far it is at *now*, for a person."""
        about = f"{self._what}: {self.stage}" if self.stage else self._what
        far = f", {self._far()}" if self.counted else ""
        seconds = int(now - self._began)
        return f"scoreback: {about}{far} ({seconds // 60}:{seconds % 60:02} so far)"

    def _far(self) -> str:
        if self._in_bytes:
            of = f" of {self.total / _MEGABYTE:,.1f}" if self.total else ""
            return f"{self.done / _MEGABYTE:,.1f}{of} MB"
        return f"{self.done:,}" + (f" of {self.total:,}" if self.total else "")


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Tells of *what* as it goes on; what it gives is told how many steps more are done."""
    with _told(Work(what, total, time.monotonic())) as work:
        yield work.advance


@contextmanager
def stages(what: str, *, in_bytes: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """The same of steps done, of how many (0: unknown), and the name of the stage."""
    with _told(Work(what, None, time.monotonic(), in_bytes=in_bytes)) as work:
        yield work.at


@contextmanager
def _told(work: Work) -> Iterator[Work]:
    """A thread of its own tells, as a long step says nothing meanwhile."""
    ended = Event()

    def tell() -> None:
        while not ended.wait(EVERY):
            if work.goes_on:
                complain(work.line(time.monotonic()))

    telling = Thread(target=tell, name="progress", daemon=True)
    telling.start()
    try:
        yield work
    finally:
        ended.set()
        telling.join()
        if Work.latest is work:
            Work.latest = None
