"""What Sigma rules select in one SIEM, for drafts of detector files.

This is no part of a connection: a rule is translated without a SIEM, and also for a SIEM without a
connector. pySigma is an extra, so this file does not import it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmaTranslation:
    """The events that one rule selects in one SIEM, or why it cannot select them."""

    words: Mapping[str, object] = field(default_factory=dict)  # the selection
    why_not: str = ""  # the reason; empty where there is a selection
    hints: tuple[str, ...] = ()  # what to check before the selection is used
    # The rule's fields with their names in events; fields with an unknown name are missing.
    names: Mapping[str, str] = field(default_factory=dict)
    # Whether the SIEM cannot select by a rule; drafts use it only if no other SIEM is installed.
    fallback: bool = False

    def selection(self, detector: str, fields: Mapping[str, str]) -> Mapping[str, object]:
        """The selection as it stands in the file of *detector*.

        Args:
            detector: the name of the detector.
            fields: the event fields that it uses, with their names in the rule, or "" for fields
                that the rule does not use.
        """
        del detector, fields
        return self.words


class SigmaTranslator(Protocol):
    """Translates Sigma rules into the words of one SIEM; found by entry point.

    Its module must not import pySigma; its methods do.
    """

    needs: ClassVar[tuple[str, ...]]  # modules of the extra that it imports

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        """Translate *rule*, the mapping in a rule's file, without changing it.

        Raises:
            SigmaError, ValueError, TypeError, AttributeError, KeyError: pySigma cannot read the
                rule. What the SIEM cannot express is no error but a reason.
        """
        ...
