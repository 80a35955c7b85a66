"""What a closing of Elastic Security means: Elastic's reasons and tags, and the connection's own.

A reason that stands in no table is never guessed at: it says that somebody looked and could not
tell, and `scoreback check` names it.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

from scoreback.records import Verdict

Meaning = Verdict | Literal["ignore"]  # ignore: no label, as if the alert had not been closed

IGNORE: Literal["ignore"] = "ignore"
DUPLICATE, AUTOMATED, OTHER = "duplicate", "automated_closure", "other"
NONE = "none"  # the alert was closed, and nothing says why

# Elastic's own reasons (9.2 and later) and the tags that it offers. Both are compared without case.
SHIPPED: Mapping[str, Meaning] = {
    "true_positive": Verdict.TRUE_POSITIVE,
    "benign_positive": Verdict.BENIGN_POSITIVE,
    "false_positive": Verdict.FALSE_POSITIVE,
    AUTOMATED: IGNORE,  # nobody looked
    OTHER: Verdict.UNDETERMINED,
    NONE: Verdict.UNDETERMINED,
    "true positive": Verdict.TRUE_POSITIVE,
    "benign positive": Verdict.BENIGN_POSITIVE,
    "false positive": Verdict.FALSE_POSITIVE,
}
# Tags that Elastic offers and that say nothing of what an alert was.
SILENT_TAGS = frozenset({"further investigation required", DUPLICATE})
TAGS: Mapping[Verdict, str] = {  # how we say a verdict where there are no reasons
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
    """What reasons and tags mean in one connection."""

    def __init__(self, own: Mapping[str, Meaning]) -> None:
        """Know Elastic's own, and what the connection's settings say, which counts more."""
        self._table = {**SHIPPED, **{name.strip().lower(): said for name, said in own.items()}}
        self._known: dict[tuple[str | None, tuple[str, ...]], Meaning | Literal["duplicate"]] = {}

    def of(self, reason: str | None, tags: Iterable[str] = ()) -> Meaning | Literal["duplicate"]:
        """What a closing with *reason* says; where there is none, what the alert's *tags* say.

        ``duplicate`` stands for another alert's verdict, unless the table says otherwise.
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
        """Whether some of *tags* stand in the table, so that they say what a closing means."""
        return any(tag.strip().lower() in self._table for tag in tags)

    def knows(self, name: str) -> bool:
        """Whether the table says what the reason *name* means."""
        lower = name.strip().lower()
        return lower in self._table or lower == DUPLICATE
