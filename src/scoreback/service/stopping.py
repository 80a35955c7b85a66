"""Asking what runs to end: by a signal to the process, and between two steps of a job."""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A job was asked to end and did, where nothing is lost."""


class Stop:
    """Whether jobs shall end; shared by all threads."""

    def __init__(self) -> None:
        """Nobody asked yet."""
        self._asked = threading.Event()

    def ask(self) -> None:
        """From now on jobs end at their next step."""
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Whether jobs shall end."""
        return self._asked.is_set()

    def here(self, *_progress: object) -> None:
        """End the job that calls this between two steps, if it shall; fits wherever progress goes.

        Raises:
            Stopped: it shall.
        """
        if self.asked:
            raise Stopped


@contextmanager
def signals() -> Iterator[Callable[[float], bool]]:
    """Gives a function that waits for a signal to end, some seconds at most: whether one came.

    The signal is read from a pipe: it is not lost, whichever thread of the process it meets, and
    nothing is done inside a signal handler. Use it on the main thread.
    """
    inlet, outlet = os.pipe()
    os.set_blocking(outlet, False)
    pipe_before = signal.set_wakeup_fd(outlet)
    before = {number: signal.signal(number, _noted) for number in SIGNALS}

    def wait(seconds: float) -> bool:
        ready, _, _ = select.select([inlet], [], [], seconds)
        return bool(ready) and any(number in SIGNALS for number in os.read(inlet, 64))

    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(pipe_before)
        os.close(inlet)
        os.close(outlet)


def _noted(_number: int, _frame: object) -> None:
    """The pipe has it."""
