"""Where the demo is played: what happens in a SIEM by itself, and analysts who come to alerts."""

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
    """A SIEM with its own clock and its people."""

    def until(self, at: datetime) -> None:
        """Let time pass until *at*: rules run, and analysts close what they come to by then."""
        ...

    def close(self, alert: Alert, closing: Closing) -> None:
        """An analyst closes *alert* when they come to it."""
        ...

    def leave(self, alert_ids: Collection[str]) -> None:
        """Nobody looks at the alerts *alert_ids* any more: they were taken back."""
        ...


class Meant:
    """What analysts mean to close, by the time when they come to it."""

    def __init__(self) -> None:
        """Nobody means to close anything yet."""
        self._heap: list[tuple[datetime, int, Alert, Closing]] = []
        self._numbers = itertools.count()
        self._left: set[str] = set()

    def add(self, alert: Alert, closing: Closing) -> None:
        """*alert* is to be closed at the closing's time."""
        heapq.heappush(self._heap, (closing.label_time, next(self._numbers), alert, closing))

    def leave(self, alert_ids: Collection[str]) -> None:
        """None of *alert_ids* is to be closed."""
        self._left.update(alert_ids)

    def due(self, at: datetime) -> Iterator[tuple[Alert, Closing]]:
        """Take out what is to be closed by *at*, in order of time."""
        while self._heap and self._heap[0][0] <= at:
            _, _, alert, closing = heapq.heappop(self._heap)
            if alert.alert_id not in self._left:
                yield alert, closing


@dataclass(frozen=True, slots=True)
class OwnAlerts:
    """A SIEM where nothing happens by itself: alerts are closed by our own door to them."""

    alerts: AlertsDoor
    meant: Meant = field(default_factory=Meant)

    def until(self, at: datetime) -> None:
        """Close what analysts come to by *at*."""
        for alert, closing in self.meant.due(at):
            self.alerts.close(
                alert.alert_id, closing.verdict, labeller=closing.labeller, at=closing.label_time
            )

    def close(self, alert: Alert, closing: Closing) -> None:
        """Close *alert* when its analyst comes to it."""
        self.meant.add(alert, closing)

    def leave(self, alert_ids: Collection[str]) -> None:
        """Nobody closes these."""
        self.meant.leave(alert_ids)
