"""The door to labels: how analysts judged what they saw."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from scoreback.records import LabelBatch


@runtime_checkable
class LabelsDoor(Protocol):
    """Reads analysts' verdicts."""

    def read(self, since: datetime) -> Iterator[LabelBatch]:
        """Yield the verdicts given at or after *since*, in order of label time."""
        ...
