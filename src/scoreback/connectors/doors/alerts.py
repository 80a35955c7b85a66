"""The door to alerts: listed, closed, reopened, tagged, as an analyst does it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from scoreback.records import Alert, TimeWindow, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts."""

    detector: str | None = None
    version: str | None = None
    window: TimeWindow | None = None  # by the time of the event that opened them
    still_open: bool = False
    touched: bool = True  # False: ``Alert.touched`` need not be right, which spares questions


@runtime_checkable
class AlertsDoor(Protocol):
    """Lists and changes alerts."""

    def find(self, query: AlertQuery = AlertQuery()) -> Iterator[Alert]:
        """Yield the alerts of *query*, by the time of their opening event, oldest first.

        It is a stream: who wants a few takes a few. ``Alert.touched`` says whether an analyst has
        done something with it.
        """
        ...

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*.

        The same verdict by the same labeller again changes nothing; another one is a new label with
        a later time.

        Raises:
            SiemRefused: no such alert, or *at* is before its event.
        """
        ...

    def reopen(self, alert_id: str, *, at: datetime) -> Alert:
        """Open the alert again: its verdicts are withdrawn.

        Raises:
            SiemRefused: no such alert.
        """
        ...

    def tag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Put *tag* on alerts, once each; how many have it newly. Unknown ids are left out."""
        ...

    def untag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Take *tag* off alerts; how many had it. Unknown ids are left out."""
        ...


@runtime_checkable
class AlertFields(Protocol):
    """What a door to alerts may know beside: which values the event of an alert has."""

    def fields_of(self, alerts: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
        """By alert id, the fields of its opening event that were copied onto its score.

        Values are text; fields without one are left out, and so are alerts without a field.
        """
        ...


@runtime_checkable
class AlertLinks(Protocol):
    """Where people see an alert: of doors to alerts of a SIEM that has pages for them."""

    def link_of(self, alert: Alert) -> str | None:
        """The address of the page that shows *alert*, for a browser; None: there is none."""
        ...
