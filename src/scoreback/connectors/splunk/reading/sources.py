"""What to search for over a window of one of Splunk's two clocks, in whole seconds.

Events are read by index time, so that late ones are found; scores are read by the time of their
events. Windows include their start and exclude their end.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from scoreback.connectors.splunk.wire.export import ALL_TIME


@dataclass(frozen=True, slots=True)
class Asked:
    """A search with the bounds of its events' own time, in epoch seconds."""

    spl: str
    earliest: str = ALL_TIME
    latest: str = ""


class Source(Protocol):
    """Rows selected by a clock."""

    @property
    def clock(self) -> str:
        """The ``eval`` name of the field with that clock."""
        ...

    def within(self, since: int, until: int) -> Asked:
        """The search for the rows of ``[since, until)``; commands can be appended."""
        ...


@dataclass(frozen=True, slots=True)
class ByIndexTime:
    """Rows of a base search by the time when they were indexed.

    Splunk searches only by events' own times, so these are bounded too: an event whose time is
    further from its index time than *reach* is not read.
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
