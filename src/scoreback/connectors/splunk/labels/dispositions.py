"""What Enterprise Security's dispositions and statuses mean, as its own lookups name them.

Numbers stand here as documented defaults alone: what a deployment has added or renamed is read, and
a disposition that nobody has said the meaning of is not a verdict.
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
    ends: frozenset[str] = frozenset(_ENDS)  # statuses of work that is done
    known: frozenset[str] = frozenset()  # ids of dispositions; empty: they were not read

    @classmethod
    def of(
        cls,
        dispositions: Iterable[Mapping[str, Any]],
        statuses: Iterable[Mapping[str, Any]],
        own: Mapping[str, Verdict],
    ) -> "Dispositions":
        """From the rows of the two lookups.

        Args:
            dispositions: ``_key``, ``label`` of each.
            statuses: ``_key``, ``label`` and, where the version has it, ``end`` of each.
            own: what the connection's settings say of a disposition, by its id or its label.
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
        for name, verdict in own.items():  # one that no lookup names is believed all the same
            if (key := disposition_id(name)) and key not in labels:
                verdicts[key] = verdict
        return cls(
            verdicts={k: v for k, v in verdicts.items() if v is not Verdict.UNDETERMINED},
            ends=_ends(list(statuses)),
            known=frozenset(labels),
        )

    def verdict(self, disposition: object) -> Verdict:
        """What *disposition* says; undetermined where it says nothing that we know."""
        return self.verdicts.get(disposition_id(disposition), Verdict.UNDETERMINED)

    def ended(self, status: object) -> bool:
        """Whether *status* ends the work on a finding."""
        return _text(status) in self.ends

    def closing(self, verdict: Verdict) -> tuple[str, str]:
        """The status and disposition that close a finding with *verdict*.

        Raises:
            SiemRefused: no disposition of this deployment means it.
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
                    f"no disposition of Enterprise Security here means {verdict.value}",
                    hint="say which one does under `dispositions` in the connection's settings",
                )
            found = usable[0]
        return max(self.ends, default=_ENDS[-1]), found

    @property
    def reopened(self) -> tuple[str, str]:
        """The status and disposition of a finding that is opened again."""
        return _NEW, UNDETERMINED


def disposition_id(value: object) -> str:
    """The id that *value* is: ``disposition:N``; nothing where it is none."""
    text = _text(value).strip()
    if text.isdigit():
        return f"{PREFIX}{text}"
    return text if text.startswith(PREFIX) and text.removeprefix(PREFIX).isdigit() else ""


def _ends(statuses: list[Mapping[str, Any]]) -> frozenset[str]:
    """The statuses that end the work: those that say so, else those that are named so."""
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
