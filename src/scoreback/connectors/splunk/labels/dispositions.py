"""The meaning of Enterprise Security's dispositions and statuses, as its lookups name them.

The numbers here are only the documented defaults: what a deployment has added or renamed is read
from its lookups, and a disposition without a known meaning is not a verdict.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from scoreback.errors import SiemRefused
from scoreback.records import Verdict

PREFIX = "disposition:"
# As Enterprise Security ships them.
SHIPPED: Mapping[str, Verdict] = {
    "disposition:1": Verdict.TRUE_POSITIVE,
    "disposition:2": Verdict.BENIGN_POSITIVE,
    "disposition:3": Verdict.FALSE_POSITIVE,  # incorrect logic
    "disposition:4": Verdict.FALSE_POSITIVE,  # inaccurate data
}
UNDETERMINED = "disposition:6"
_ENDS, _NEW = ("4", "5"), "1"  # resolved, closed; new
_OVER = ("resolved", "closed")
_YES = ("1", "true", "t", "yes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispositions:
    """The dispositions and statuses of one deployment."""

    verdicts: Mapping[str, Verdict] = field(default_factory=lambda: SHIPPED)  # by id
    ends: frozenset[str] = frozenset(_ENDS)  # statuses of finished work
    known: frozenset[str] = frozenset()  # ids of dispositions; empty: they were not read

    @classmethod
    def of(
        cls,
        dispositions: Iterable[Mapping[str, Any]],
        statuses: Iterable[Mapping[str, Any]],
        own: Mapping[str, Verdict],
    ) -> "Dispositions":
        """Build from the rows of the two lookups.

        Args:
            dispositions: ``_key``, ``label`` of each.
            statuses: ``_key``, ``label`` and, where the version has it, ``end`` of each.
            own: what the connection's settings say about a disposition, by its id or its label.
        """
        labels = {disposition_id(row.get("_key")): _text(row.get("label")) for row in dispositions}
        labels.pop("", None)
        meant = {name.strip().lower(): verdict for name, verdict in own.items()}
        verdicts = dict(SHIPPED)
        for key, label in labels.items():
            for name in (key, key.removeprefix(PREFIX), label):
                if name.strip().lower() in meant:
                    verdicts[key] = meant[name.strip().lower()]
                    break
        # the settings are trusted even about a disposition that no lookup names
        for name, verdict in own.items():
            if (key := disposition_id(name)) and key not in labels:
                verdicts[key] = verdict
        return cls(
            verdicts={k: v for k, v in verdicts.items() if v is not Verdict.UNDETERMINED},
            ends=_ends(list(statuses)),
            known=frozenset(labels),
        )

    def verdict(self, disposition: object) -> Verdict:
        """The verdict that *disposition* means; undetermined if its meaning is not known."""
        return self.verdicts.get(disposition_id(disposition), Verdict.UNDETERMINED)

    def ended(self, status: object) -> bool:
        """Whether *status* ends the work on a finding."""
        return _text(status) in self.ends

    def closing(self, verdict: Verdict) -> tuple[str, str]:
        """The status and disposition that close a finding with *verdict*.

        Raises:
            SiemRefused: no disposition of this deployment has this meaning.
        """
        if verdict is Verdict.UNDETERMINED:
            found = UNDETERMINED
        else:
            usable = [
                key
                for key, meant in self.verdicts.items()
                if meant is verdict and (not self.known or key in self.known)
            ]
            if not usable:
                raise SiemRefused(
                    f"no disposition in this Enterprise Security means {verdict.value}",
                    hint="name the one that does under `dispositions` in the connection's settings",
                )
            found = usable[0]
        return max(self.ends, default=_ENDS[-1]), found

    @property
    def reopened(self) -> tuple[str, str]:
        """The status and disposition of a reopened finding."""
        return _NEW, UNDETERMINED


def disposition_id(value: object) -> str:
    """The id in *value* if it has the form ``disposition:N``; otherwise ""."""
    text = _text(value).strip()
    if text.isdigit():
        return f"{PREFIX}{text}"
    return text if text.startswith(PREFIX) and text.removeprefix(PREFIX).isdigit() else ""


def _ends(statuses: list[Mapping[str, Any]]) -> frozenset[str]:
    """The statuses that end the work: those marked so, otherwise those with such a name."""
    named = [(_text(row.get("_key")), row) for row in statuses if _text(row.get("_key"))]
    said = [key for key, row in named if _text(row.get("end")).lower() in _YES]
    if not said:
        said = [
            key
            for key, row in named
            if any(word in _text(row.get("label")).lower() for word in _OVER)
        ]
    return frozenset(said or _ENDS)


def _text(value: object) -> str:
    return "" if value is None else str(value)
