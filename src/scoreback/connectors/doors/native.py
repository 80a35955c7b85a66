"""The door to native scoring: by what a SIEM scores events of a detector itself.

In a search, or as events come in.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from scoreback.deployment import DetectorNeeds, ModelResource, NativePoint


class TrialEvent(Protocol):
    """An event as a SIEM has it: all values of each field, and its times in microseconds."""

    @property
    def values(self) -> Mapping[str, Sequence[str]]:
        """Field → its values; one that is absent has none."""
        ...

    @property
    def event_time(self) -> int:
        """When it was."""
        ...

    @property
    def arrival_time(self) -> int:
        """When the SIEM had it."""
        ...


class NativeAnswer(NamedTuple):
    """What a SIEM itself says of some events, in their order."""

    scores: list[float]
    alerts: list[int]  # rows that reach the cut


@runtime_checkable
class NativeDoor(Protocol):
    """Keeps the version and threshold in force where the SIEM's own scorer reads them.

    The models themselves are resources: `ResourcesDoor.of_detector` gives a `ModelResource` for the
    model that it is told of.
    """

    def in_force(self) -> Mapping[str, NativePoint]:
        """By what each detector is scored there now."""
        ...

    def put_in_force(self, point: NativePoint) -> None:
        """Have *point* in force instead; putting it there twice changes nothing.

        Its model is there already.
        """
        ...

    def hindrances(self, needs: DetectorNeeds) -> Sequence[str]:
        """Why this SIEM cannot score by the model of *needs*, a clause each; none: it can."""
        ...

    def tried(
        self, wanted: ModelResource, events: Sequence[TrialEvent], threshold: float, cut: float
    ) -> NativeAnswer | None:
        """What the SIEM itself scores *events* by *wanted*, and which reach *threshold*.

        *cut* is the same as log-odds. None where a SIEM cannot be asked before the model is there.

        Raises:
            SiemRefused: it cannot score by it; the text says why.
        """
        ...
