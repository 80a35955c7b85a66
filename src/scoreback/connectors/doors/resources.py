"""The resources door: the objects, beside rules, that a connection needs in its SIEM."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from scoreback.deployment import DetectorNeeds, Found, Resource


@runtime_checkable
class ResourcesDoor(Protocol):
    """Keeps templates, indices and lookups as Scoreback wants them."""

    def require_place(self) -> None:
        """Check that the containers of resources exist that Scoreback may not create itself.

        A Kibana space is such a container. Resources to be removed need none.

        Raises:
            SiemRefused: a container does not exist.
        """
        ...

    def wanted(self) -> Sequence[Resource]:
        """What this connection needs, in the order of creation."""
        ...

    def of_detector(self, needs: DetectorNeeds) -> Sequence[Resource]:
        """What this connection also needs for one detector, in the order of creation."""
        ...

    def made(self) -> Sequence[Resource]:
        """What was created for detectors and not removed, except what `wanted` lists.

        Without this, nobody could remove the objects of a detector that no longer exists.
        """
        ...

    def standing(self, wanted: Resource) -> Found:
        """How *wanted* stands in the SIEM now; changes nothing."""
        ...

    def apply(self, wanted: Resource) -> None:
        """Create or replace it, even if somebody edited it; repeating it changes nothing.

        Data is never lost.

        Raises:
            SiemRefused: a permission is missing, or the existing object cannot be changed into the
                wanted one.
        """
        ...

    def remove(self, resource: Resource) -> None:
        """Remove it, with its data if it ``holds_data``. Removing a missing object is no error."""
        ...
