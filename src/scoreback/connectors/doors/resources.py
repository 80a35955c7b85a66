"""The door to resources: what a connection needs in its SIEM beside rules."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from scoreback.deployment import DetectorNeeds, Found, Resource


@runtime_checkable
class ResourcesDoor(Protocol):
    """Keeps templates, indices and lookups as we want them."""

    def require_place(self) -> None:
        """See that there is where to put what is wanted, as far as we may not make that ourselves.

        A space of Kibana is such a place. What is removed needs none.

        Raises:
            SiemRefused: it is not there.
        """
        ...

    def wanted(self) -> Sequence[Resource]:
        """What this connection needs, in the order of making."""
        ...

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:
        """What this connection needs for one detector beside that, in the order of making."""
        ...

    def made(self) -> Sequence[Resource]:
        """What was made for detectors and not removed, as far as it is not in `wanted`.

        Without it nobody could remove what a detector left that is gone.
        """
        ...

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands in the SIEM now; changes nothing."""
        ...

    def apply(self, wanted: Resource) -> None:
        """Create or replace it, whoever changed it; applying it twice changes nothing.

        Data is never lost.

        Raises:
            SiemRefused: a right is missing, or what is there cannot become what is wanted.
        """
        ...

    def remove(self, resource: Resource) -> None:
        """Remove it; one that ``holds_data`` loses it. Removing what is not there is no error."""
        ...
