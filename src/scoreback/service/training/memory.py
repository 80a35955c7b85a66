"""Refuses a training whose history would not fit into the memory that it may use."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from scoreback.errors import TrainingRefused
from scoreback.models.detector.quantities import format_duration
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow

# The peak memory of training, as a multiple of the feature rows and window queries that it holds
# once all events are read: measured on the simulated company, 50,000 and 500,000 events.
PEAK = 6
SHARE = 0.5  # of the machine's memory, if the setting says nothing

_GIB = 2**30
_CONTAINER = Path("/sys/fs/cgroup/memory.max")


def memory_of_machine(container: Path = _CONTAINER) -> int:
    """Bytes of memory that this machine, or the container around us, has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = container.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return machine
    return min(machine, int(limit)) if limit.isdecimal() else machine


class Room:
    """Watches the memory that a training holds while it reads; ends it before that is too much."""

    def __init__(self, detector: Detector, window: TimeWindow, limit: int | None) -> None:
        """Watch the training of *detector* on *window*, which may use *limit* bytes.

        Without a limit it may use `SHARE` of the memory of the machine or container.
        """
        self._detector, self._window = detector, window
        self._limit = limit if limit is not None else int(memory_of_machine() * SHARE)
        self._events = self._beside = 0
        self._reached = window.since

    def read(self, events: int, last_arrival: datetime) -> None:
        """Count *events* more as read, up to *last_arrival*."""
        self._events += events
        self._reached = max(self._reached, last_arrival)

    def keep(self, beside: int) -> None:
        """Count *beside* more bytes as held beside the rows, for example by labels."""
        self._beside += beside

    def hold(self, held: int) -> None:
        """Refuse to go on if *held* bytes of rows are more than training can handle.

        Raises:
            TrainingRefused: with the figures, and how much history would fit.
        """
        if (held + self._beside) * PEAK <= self._limit:
            return
        share = (self._reached - self._window.since) / (self._window.until - self._window.since)
        history = self._detector.train.history
        days = int(history * share * 0.9 / timedelta(days=1))
        fits = timedelta(days=max(1, days))
        raise TrainingRefused(
            f"detector {self._detector.name!r}: the history does not fit into the memory that"
            f" training may take, {self._limit / _GIB:.2g} GiB: that was reached after"
            f" {self._events:,} events, {share:.0%} of train.history: {format_duration(history)}",
            hint=f"shorten train.history, to {format_duration(fits)} say; or let training take more"
            " with SCOREBACK_TRAINING_MEMORY, such as 8GiB, where the machine has it",
        )
