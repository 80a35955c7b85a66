"""The health door: tells the SIEM how detectors are doing."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from scoreback.health import HealthDocument
from scoreback.records import TimeWindow


@runtime_checkable
class HealthDoor(Protocol):
    """Stores health documents, for dashboards and for alerts about detectors.

    Names and units of the figures are those of docs/health.md in every SIEM.
    """

    def write(self, documents: Sequence[HealthDocument]) -> None:
        """Store *documents*; one that is written again under its ``health_id`` is still read once.

        Raises:
            SiemUnavailable: some may be stored; writing them again stores the rest.
            SiemRefused: they cannot be stored, because a permission or a template is missing.
        """
        ...

    def read(self, detector: str, window: TimeWindow) -> Iterator[HealthDocument]:
        """Yield the documents of *detector* with moments in *window*, each once.

        Ordered by (moment, kind, subject). Yields nothing if none was written yet.

        Raises:
            SiemUnavailable: the SIEM did not answer; documents yielded so far are valid.
        """
        ...
