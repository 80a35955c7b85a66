"""Cuts events that come in order of arrival into steps that end between two arrival times."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import together
from scoreback.records import TimeWindow

STEP_ROWS = 20_000  # the least events in a step, once it can be cut; bounds memory


@dataclass(frozen=True, slots=True)
class Cut:
    """What arrived in a window of arrival times."""

    window: TimeWindow
    events: pa.Table | None  # None: nothing arrived
    last: bool


class Cutter:
    """Holds events back until they make a step: at most one, and the batch that completes it."""

    def __init__(self, since: datetime) -> None:
        """Cut what arrives from *since* on."""
        self._since = since
        self._held: pa.Table | None = None

    @property
    def held(self) -> int:
        """How many events are in no step yet."""
        return 0 if self._held is None else int(self._held.num_rows)

    def feed(self, events: pa.Table) -> Cut | None:
        """Take *events*, none older than those before; return a step if they complete one.

        Events of the newest arrival time are held back: more of that time may follow.
        """
        held = events if self._held is None else together([self._held, events])
        self._held = held
        if held.num_rows < STEP_ROWS:
            return None
        newest = pc.max(held["arrival_time"])
        older = pc.sum(pc.less(held["arrival_time"], newest)).as_py()
        if not older:
            return None
        before = held.slice(0, older)  # in order, so the newest are the last
        window = TimeWindow(since=self._since, until=newest.as_py())
        self._held = held.slice(older)
        self._since = window.until
        return Cut(window, before, last=False)

    def last(self) -> Cut:
        """The remaining events, as the last step.

        Its window ends just after the last arrival, not at the clock: an event that a reader is
        given later, with an arrival time before the clock's, is still read, as long as it is newer
        than what was read.
        """
        until = self._since
        if self._held is not None:
            until = pc.max(self._held["arrival_time"]).as_py() + timedelta(microseconds=1)
        return Cut(TimeWindow(since=self._since, until=until), self._held, last=True)
