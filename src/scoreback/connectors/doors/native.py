"""The door to native scoring: by what a SIEM scores events of a detector itself, in searches."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from scoreback.deployment import NativePoint


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
