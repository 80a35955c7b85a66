"""Progress of long work without a terminal: a line on standard error every ten seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from scoreback.service.cli.streams import complain

EVERY = 10.0  # seconds
_MEGABYTE = 1_000_000


class Work:
    """A piece of work and its progress; of several, only the one that reported last is shown."""

    latest: "Work | None" = None

    def __init__(
        self, what: str, total: int | None, began: float, *, in_bytes: bool = False
    ) -> None:
        """Start *what*, with *total* steps or bytes, at *began* on the monotonic clock."""
        self._what, self._began, self._in_bytes = what, began, in_bytes
        self.total, self.done, self.stage, self.counted = total, 0, "", False

    def advance(self, more: int) -> None:
        """Count *more* steps as done."""
        self.done += more
        self.counted = True
        Work.latest = self

    def at(self, done: int, steps: int, stage: str) -> None:
        """Set the progress to *done* of *steps* (0: unknown), in this *stage*."""
        self.done, self.total, self.stage = done, steps or None, stage
        self.counted = bool(steps)
        Work.latest = self

    @property
    def goes_on(self) -> bool:
        """Whether no other work has reported since this one."""
        return Work.latest is None or Work.latest is self

    def line(self, now: float) -> str:
        """The progress at *now*, in words."""
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
    """Report the progress of *what*; call what this yields with the number of steps just done."""
    with _told(Work(what, total, time.monotonic())) as work:
        yield work.advance


@contextmanager
def stages(what: str, *, in_bytes: bool = False) -> Iterator[Callable[[int, int, str], None]]:
    """The same, called with the steps done, the total (0: unknown) and the name of the stage."""
    with _told(Work(what, None, time.monotonic(), in_bytes=in_bytes)) as work:
        yield work.at


@contextmanager
def _told(work: Work) -> Iterator[Work]:
    """Report from a separate thread, as a long step makes no calls meanwhile."""
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
