"""The door to health: how detectors are doing, told to the SIEM."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable


@runtime_checkable
class HealthDoor(Protocol):
    """Takes figures about a detector, for dashboards and for alerts about detectors."""

    def write(self, detector: str, figures: Mapping[str, float | str], *, at: datetime) -> None:
        """Store *figures* of *detector*; the same moment again is still counted once."""
        ...
