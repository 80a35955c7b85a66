"""The alerts door: lists, closes, reopens and tags alerts, as an analyst does."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from scoreback.records import Alert, TimeWindow, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertQuery:
    """Which alerts to find."""

    detector: str | None = None
    version: str | None = None
    window: TimeWindow | None = None  # by the time of the event that opened the alert
    still_open: bool = False
    touched: bool = True  # False: ``Alert.touched`` may be wrong, which saves requests


@runtime_checkable
class AlertsDoor(Protocol):
    """Lists and changes alerts."""

    def find(self, query: AlertQuery = AlertQuery()) -> Iterator[Alert]:
        """Yield the alerts of *query*, by the time of their opening event, oldest first.

        This is a stream: a caller who wants a few stops early. ``Alert.touched`` says whether an
        analyst has worked on the alert.
        """
        ...

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*.

        Repeating a verdict by the same labeller changes nothing; a different verdict is a new label
        with a later time.

        Raises:
            SiemRefused: the alert does not exist, or *at* is before its event.
        """
        ...

    def reopen(self, alert_id: str, *, at: datetime) -> Alert:
        """Reopen the alert and withdraw its verdicts.

        Raises:
            SiemRefused: the alert does not exist.
        """
        ...

    def tag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Put *tag* on alerts, once each; returns how many got it. Unknown ids are ignored."""
        ...

    def untag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Remove *tag* from alerts; returns how many had it. Unknown ids are ignored."""
        ...


@runtime_checkable
class AlertFields(Protocol):
    """What an alerts door may also offer: field values of the events that opened alerts."""

    def fields_of(self, alerts: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
        """By alert id, the fields of its opening event that the score copied.

        Values are text; fields without a value are left out, and so are alerts without fields.
        """
        ...


@runtime_checkable
class AlertLinks(Protocol):
    """What an alerts door may also offer if its SIEM has a page for each alert."""

    def link_of(self, alert: Alert) -> str | None:
        """The browser address of the page that shows *alert*; None if there is none."""
        ...
