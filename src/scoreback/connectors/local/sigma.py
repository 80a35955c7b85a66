"""Drafts Sigma rules for the embedded SIEM, which has streams but no queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from scoreback.connectors.doors import SigmaTranslation

_LOAD = "To try it on the embedded SIEM, load the events that the rule selects into this stream:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTranslation(SigmaTranslation):
    """A separate stream, into which the user loads the events that the rule selects."""

    def selection(self, detector: str, fields: Mapping[str, str]) -> Mapping[str, object]:
        """The stream with the detector's name."""
        del fields
        return {"stream": detector}


class LocalSigma:
    """Leaves the choice of events to the user who loads them."""

    needs: ClassVar[tuple[str, ...]] = ()

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        """Return the same translation for every rule."""
        del rule
        return LocalTranslation(hints=(_LOAD,), fallback=True)
