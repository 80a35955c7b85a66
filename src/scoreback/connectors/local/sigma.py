"""What drafts from Sigma rules say for the embedded SIEM: it has streams, and no queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from scoreback.connectors.doors import SigmaTranslation

_LOAD = "To try it on the embedded SIEM, load into this stream what the rule selects:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTranslation(SigmaTranslation):
    """A stream of its own, into which what the rule selects is loaded."""

    def selection(self, detector: str, fields: Mapping[str, str]) -> Mapping[str, object]:
        """The stream that is called like the detector."""
        del fields
        return {"stream": detector}


class LocalSigma:
    """Leaves the choice of events to whoever loads them."""

    needs: ClassVar[tuple[str, ...]] = ()

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        """The same for every rule."""
        del rule
        return LocalTranslation(hints=(_LOAD,), fallback=True)
