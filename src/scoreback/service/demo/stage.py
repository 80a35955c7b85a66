"""The stage of the demo: a SIEM's clock and rules, and the analysts who close alerts in it."""

import heapq
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from scoreback.connectors.doors import AlertsDoor
from scoreback.records import Alert
from scoreback.service.demo.analysts import Closing


class Stage(Protocol):
    """A SIEM with its clock and its analysts."""

    def until(self, at: datetime) -> None:
        """Let time pass until *at*: rules run, and analysts close the alerts that they reach."""
        ...

    def close(self, alert: Alert, closing: Closing) -> None:
        """Have an analyst close *alert* at the time of its closing."""
        ...

    def leave(self, alert_ids: Collection[str]) -> None:
        """Keep analysts from closing *alert_ids*: these alerts were taken back."""
        ...


class Meant:
    """The closings that analysts have planned, by their time."""

    def __init__(self) -> None:
        """Start without closings."""
        self._heap: list[tuple[datetime, int, Alert, Closing]] = []
        self._numbers = itertools.count()
        self._left: set[str] = set()

    def add(self, alert: Alert, closing: Closing) -> None:
        """Plan to close *alert* at the closing's time."""
        heapq.heappush(self._heap, (closing.label_time, next(self._numbers), alert, closing))

    def leave(self, alert_ids: Collection[str]) -> None:
        """Drop the planned closings of *alert_ids*."""
        self._left.update(alert_ids)

    def due(self, at: datetime) -> Iterator[tuple[Alert, Closing]]:
        """Remove and return what is to be closed by *at*, in order of time."""
        while self._heap and self._heap[0][0] <= at:
            _, _, alert, closing = heapq.heappop(self._heap)
            if alert.alert_id not in self._left:
                yield alert, closing


@dataclass(frozen=True, slots=True)
class OwnAlerts:
    """A SIEM where nothing happens by itself: alerts are closed through the `alerts` door."""

    alerts: AlertsDoor
    meant: Meant = field(default_factory=Meant)

    def until(self, at: datetime) -> None:
        """Close the alerts that analysts reach by *at*."""
        for alert, closing in self.meant.due(at):
            self.alerts.close(
                alert.alert_id, closing.verdict, labeller=closing.labeller, at=closing.label_time
            )

    def close(self, alert: Alert, closing: Closing) -> None:
        """Plan to close *alert* at the closing's time."""
        self.meant.add(alert, closing)

    def leave(self, alert_ids: Collection[str]) -> None:
        """Drop the planned closings of these alerts."""
        self.meant.leave(alert_ids)
