"""The door to health: how detectors are doing, told to the SIEM."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from scoreback.health import HealthDocument
from scoreback.records import TimeWindow


@runtime_checkable
class HealthDoor(Protocol):
    """Keeps health documents, for dashboards and for alerts about detectors.

    Their names and units are those of docs/health.md in every SIEM.
    """

    def write(self, documents: Sequence[HealthDocument]) -> None:
        """Store *documents*; the same ``health_id`` again is still read once.

        Raises:
            SiemUnavailable: some may be stored; writing them again stores the rest.
            SiemRefused: they cannot be stored, as a right or a template is missing.
        """
        ...

    def read(self, detector: str, window: TimeWindow) -> Iterator[HealthDocument]:
        """Yield the documents of *detector* of moments in *window*, each once.

        In order of (moment, kind, subject). None was written yet: nothing is yielded.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was yielded stands.
        """
        ...
