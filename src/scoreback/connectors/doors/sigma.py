"""What Sigma rules select in one SIEM, as a connector's folder translates them for drafts.

No part of a connection: a rule is translated without a SIEM, and also for one that no connector
speaks to yet. pySigma is an extra, so this file needs none of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SigmaTranslation:
    """The events of one rule in one SIEM, or why it cannot select them."""

    words: Mapping[str, object] = field(default_factory=dict)  # the selection
    why_not: str = ""  # a reason; empty where there is a selection
    hints: tuple[str, ...] = ()  # what to look at before the selection is used
    # The rule's fields under their names in events; those whose name is not known are missing.
    names: Mapping[str, str] = field(default_factory=dict)
    # The SIEM cannot select by a rule. A draft falls back to it where no other is installed.
    fallback: bool = False

    def selection(self, detector: str, fields: Mapping[str, str]) -> Mapping[str, object]:
        """The selection as the file of *detector* has it.

        Args:
            detector: the name of the detector.
            fields: the events' fields that it uses, with their names in the rule, which are empty
                where the rule does not ask for them.
        """
        del detector, fields
        return self.words


class SigmaTranslator(Protocol):
    """Says what Sigma rules select in the words of one SIEM; found by entry point.

    Its module imports nothing of pySigma; its methods do.
    """

    needs: ClassVar[tuple[str, ...]]  # modules of the extra that it imports

    def translate(self, rule: Mapping[str, object]) -> SigmaTranslation:
        """Translate *rule*, which is the mapping of a rule's file and stays as it is.

        Raises:
            SigmaError, ValueError, TypeError, AttributeError, KeyError: pySigma cannot read the
                rule. What it reads and the SIEM cannot say is not an error but a reason.
        """
        ...
