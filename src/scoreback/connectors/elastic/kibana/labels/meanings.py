"""The meaning of closings in Elastic Security: Elastic's reasons and tags, and configured ones.

Scoreback never guesses a reason that is in no table: it counts as undetermined, and `scoreback
check` names it.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from scoreback.records import Verdict

Meaning = Verdict | Literal["ignore"]  # ignore: no label, as if the alert had not been closed

IGNORE: Literal["ignore"] = "ignore"
DUPLICATE, AUTOMATED, OTHER = "duplicate", "automated_closure", "other"
NONE = "none"  # for alerts closed without a reason

# Elastic's own reasons (9.2 and later) and the tags that it offers, compared without case.
SHIPPED: Mapping[str, Meaning] = {
    "true_positive": Verdict.TRUE_POSITIVE,
    "benign_positive": Verdict.BENIGN_POSITIVE,
    "false_positive": Verdict.FALSE_POSITIVE,
    AUTOMATED: IGNORE,  # nobody looked at it
    OTHER: Verdict.UNDETERMINED,
    NONE: Verdict.UNDETERMINED,
    "true positive": Verdict.TRUE_POSITIVE,
    "benign positive": Verdict.BENIGN_POSITIVE,
    "false positive": Verdict.FALSE_POSITIVE,
}
# Tags that Elastic offers and that are no verdict.
SILENT_TAGS = frozenset({"further investigation required", DUPLICATE})
TAGS: Mapping[Verdict, str] = {  # how Scoreback writes a verdict where there are no reasons
    Verdict.TRUE_POSITIVE: "True Positive",
    Verdict.BENIGN_POSITIVE: "Benign Positive",
    Verdict.FALSE_POSITIVE: "False Positive",
}
REASONS: Mapping[Verdict, str] = {
    Verdict.TRUE_POSITIVE: "true_positive",
    Verdict.BENIGN_POSITIVE: "benign_positive",
    Verdict.FALSE_POSITIVE: "false_positive",
    Verdict.UNDETERMINED: OTHER,
}


class Meanings:
    """The meanings of reasons and tags in one connection."""

    def __init__(self, own: Mapping[str, Meaning]) -> None:
        """Use Elastic's own meanings, overridden by the connection's settings."""
        self._table = {**SHIPPED, **{name.strip().lower(): said for name, said in own.items()}}
        self._known: dict[tuple[str | None, tuple[str, ...]], Meaning | Literal["duplicate"]] = {}

    def of(self, reason: str | None, tags: Iterable[str] = ()) -> Meaning | Literal["duplicate"]:
        """The meaning of a closing with *reason* or, if there is none, of the alert's *tags*.

        ``duplicate`` means the verdict of another alert, unless the table says otherwise.
        """
        key = (reason or None, () if reason else tuple(tags))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._told(*key)
        return found

    def _told(self, reason: str | None, tags: tuple[str, ...]) -> Meaning | Literal["duplicate"]:
        if reason is not None:
            name = reason.strip().lower()
            if name == DUPLICATE and name not in self._table:
                return "duplicate"
            return self._table.get(name, Verdict.UNDETERMINED)
        names = {tag.strip().lower() for tag in tags}
        said = {self._table[name] for name in names - {NONE} if name in self._table}
        verdicts = said - {IGNORE}
        if len(verdicts) == 1:
            return verdicts.pop()
        if len(verdicts) > 1:  # tags that contradict each other
            return Verdict.UNDETERMINED
        if said:
            return IGNORE
        return "duplicate" if DUPLICATE in names else self._table[NONE]

    def speak(self, tags: Iterable[str]) -> bool:
        """Whether some of *tags* are in the table and therefore decide what a closing means."""
        return any(tag.strip().lower() in self._table for tag in tags)

    def knows(self, name: str) -> bool:
        """Whether the table has a meaning for the reason *name*."""
        lower = name.strip().lower()
        return lower in self._table or lower == DUPLICATE
