"""The door to resources: what a connection needs in its SIEM beside rules."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from scoreback.deployment import Found, Resource


@runtime_checkable
class ResourcesDoor(Protocol):
    """Keeps templates, indices and lookups as we want them."""

    def wanted(self) -> Sequence[Resource]:
        """What this connection needs, in the order of making."""
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
