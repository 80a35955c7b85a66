"""Asks running jobs to end: by a signal to the process, and between two steps of a job."""

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(Exception):
    """A job was asked to end and did so, with nothing lost."""


class Stop:
    """Whether jobs should end; shared by all threads."""

    def __init__(self) -> None:
        """Begin without having been asked."""
        self._asked = threading.Event()

    def ask(self) -> None:
        """From now on jobs end at their next step."""
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Whether jobs should end."""
        return self._asked.is_set()

    def here(self, *_progress: object) -> None:
        """End the job that calls this between two steps, if asked to; fits wherever progress goes.

        Raises:
            Stopped: jobs should end.
        """
        if self.asked:
            raise Stopped


@contextmanager
def signals() -> Iterator[Callable[[float], bool]]:
    """Yields a function that waits up to some seconds for a signal to end: whether one came.

    The signal is read from a pipe: so it is not lost, whichever thread of the process gets it, and
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
    """Do nothing: the pipe has the signal."""
