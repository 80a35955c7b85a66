"""The native scoring door: what a SIEM needs to score a detector's events itself.

A SIEM scores in a search, or while events come in.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from scoreback.deployment import DetectorNeeds, ModelResource, NativePoint


class TrialEvent(Protocol):
    """An event as a SIEM holds it: all values of each field, and its times in microseconds."""

    @property
    def values(self) -> Mapping[str, Sequence[str]]:
        """Field → its values; a missing field has none."""
        ...

    @property
    def event_time(self) -> int:
        """When the event happened."""
        ...

    @property
    def arrival_time(self) -> int:
        """When the SIEM received it."""
        ...


class NativeAnswer(NamedTuple):
    """What the SIEM itself says about some events, in their order."""

    scores: list[float]
    alerts: list[int]  # rows with a score that reaches the cut


@runtime_checkable
class NativeDoor(Protocol):
    """Stores the version and threshold in force where the SIEM's own scorer reads them.

    The models themselves are resources: `ResourcesDoor.of_detector` returns a `ModelResource` for
    the model that it is given.
    """

    def in_force(self) -> Mapping[str, NativePoint]:
        """What the SIEM scores each detector with now."""
        ...

    def put_in_force(self, point: NativePoint) -> None:
        """Put *point* in force; repeating it changes nothing.

        Its model must be in the SIEM already.
        """
        ...

    def hindrances(self, needs: DetectorNeeds) -> Sequence[str]:
        """Why this SIEM cannot score with the model of *needs*, a clause each; empty if it can."""
        ...

    def tried(
        self, wanted: ModelResource, events: Sequence[TrialEvent], threshold: float, cut: float
    ) -> NativeAnswer | None:
        """The scores that the SIEM gives *events* with *wanted*, and which reach *threshold*.

        *cut* is *threshold* as log-odds. None where a SIEM cannot try a model before it is stored.

        Raises:
            SiemRefused: the SIEM cannot score with it; the message says why.
        """
        ...
