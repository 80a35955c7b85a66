"""What is searched for, over a window of one of Splunk's two clocks, in whole seconds.

Events are read by when they were indexed, so that late ones are found; scores by when the events
happened that they are about. Both bounds are half-open.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from scoreback.connectors.splunk.wire.export import ALL_TIME


@dataclass(frozen=True, slots=True)
class Asked:
    """A search with the bounds of its events' own time, epoch seconds."""

    spl: str
    earliest: str = ALL_TIME
    latest: str = ""


class Source(Protocol):
    """Rows over a clock."""

    @property
    def clock(self) -> str:
        """The field that has it, within ``eval``."""
        ...

    def within(self, since: int, until: int) -> Asked:
        """The search for the rows of ``[since, until)``; commands can be added to it."""
        ...


@dataclass(frozen=True, slots=True)
class ByIndexTime:
    """Rows of a base search by when they were indexed.

    Splunk looks through events' own times alone, so these are bounded too: an event whose time is
    further away from when it was indexed than *reach* is not read.
    """

    search: str
    reach: timedelta
    clock: str = "_indextime"

    def within(self, since: int, until: int) -> Asked:
        """See `Source`."""
        reach = int(self.reach.total_seconds())
        spl = f"search ({self.search}) _index_earliest={since} _index_latest={until}"
        return Asked(spl, str(max(0, since - reach)), str(until + reach))


@dataclass(frozen=True, slots=True)
class ByTime:
    """Rows of a base search by their own time."""

    search: str
    clock: str = "_time"

    def within(self, since: int, until: int) -> Asked:
        """See `Source`."""
        return Asked(f"search {self.search}", str(since), str(until))
