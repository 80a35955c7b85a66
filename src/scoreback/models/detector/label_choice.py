"""Chooses the field of a sample that is the label, and what its values mean.

Values decide first: a field with *benign* and *malicious* is a label, whatever its name. If values
are only yes and no, or unknown words, the name has to say that it is a label.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.detector.meaning import Meaning, meaning_of, says_itself
from scoreback.models.detector.profile import MOST_VALUES, Field
from scoreback.models.detector.tells import Truth

_LABEL_WORDS = frozenset(
    ("label", "verdict", "outcome", "disposition", "truth", "malicious", "attack", "resolution",
     "classification", "class", "target", "kev", "exploited", "exploitation", "intrusion", "bad",
     "anomaly", "anomalous", "fraud", "malware", "phishing", "spam", "benign", "evil", "tp",
     "incident", "positive", "y", "groundtruth", "compromised", "threat", "result", "grade",
     "triage", "determination", "judgement", "judgment", "adjudication", "conclusion")
)  # fmt: skip
# Some of these also name what an event is about, so they need values with a known meaning.
_HOLDS_ANYTHING = frozenset(
    ("label", "verdict", "disposition", "truth", "classification", "class", "target", "outcome",
     "resolution", "groundtruth", "result", "grade", "triage", "determination", "judgement",
     "judgment", "adjudication", "conclusion")
)  # fmt: skip
_NO_LABEL = frozenset(  # things that such words describe
    ("type", "category", "severity", "rule", "signature", "technique", "tactic", "priority", "name")
)  # fmt: skip
_TURNED = frozenset(("benign",))  # names where "yes" means no attack
_DONE = frozenset(
    ("success", "failure", "succeeded", "failed", "error", "denied", "allowed", "allow", "deny",
     "block", "blocked", "permit", "permitted", "accept", "accepted", "drop", "dropped", "pass",
     "passed")
)  # fmt: skip
_USUAL_FLAGS = frozenset(  # yes-or-no fields of events that are not verdicts
    ("tls", "ssl", "https", "signed", "signature", "admin", "privileged", "elevated", "root",
     "internal", "external", "private", "remote", "encrypted", "enabled", "disabled",
     "success", "successful", "error", "login", "interactive", "cached", "weekend", "vpn", "mfa",
     "known", "new", "first", "exists", "active", "valid", "trusted", "managed", "orig", "resp",
     "tag", "automatable", "patched", "inbound", "outbound", "proxied", "authenticated", "allowed",
     "blocked", "rejected", "established", "recursion", "syn", "ack", "fin")
)  # fmt: skip
_ENOUGH = 50  # number of positives from which a label is easy to learn,
_LEAST_SHARE, _MOST_SHARE = 0.01, 0.6  # if this share of the events is positive
_COVERED = 0.6  # share of rows with a value that has a known meaning
_FEW = 12  # most values, if the name does not say that it is a label


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A field that could be the label."""

    field: Field
    positive: tuple[str, ...]
    negative: tuple[str, ...]  # empty if only positives are recorded
    open: tuple[str, ...]
    sure: int  # rank of the evidence; the highest is chosen
    why: str  # the reason, for the draft

    @property
    def positives(self) -> int:
        """Rows of the sample with a positive value."""
        return self.rows(self.positive)

    def rows(self, values: Sequence[str]) -> int:
        """Rows of the sample with one of *values*."""
        return sum(n for v, n in zip(self.field.values, self.field.counts, strict=True)
                   if v in values)  # fmt: skip

    @property
    def learnable(self) -> bool:
        """Whether a first model can learn from it: positives are not too few, and no majority."""
        share = self.positives / max(self.field.rows, 1)
        return self.positives >= _ENOUGH and _LEAST_SHARE <= share <= _MOST_SHARE

    def truth(self) -> Truth:
        """The truth of each row of the sample: 1, 0, or -1 if unknown."""
        texts = self.field.texts
        positive = pc.is_in(texts, value_set=pa.array(self.positive, pa.string()))
        if self.negative:
            negative = pc.is_in(texts, value_set=pa.array(self.negative, pa.string()))
        else:
            negative = pc.is_null(texts)
        yes, no = (m.to_numpy(zero_copy_only=False) for m in (positive, negative))
        return np.where(yes, 1, np.where(no, 0, -1)).astype(np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The label, other fields that may hold the answer too, and refused ones."""

    chosen: Answer | None
    others: tuple[Answer, ...]
    unclear: tuple[Answer, ...]  # if none is chosen: yes-or-no fields that may be the label
    refused: dict[str, str]  # field → why not not

    def of_few_values(self, fields: Sequence[Field]) -> list[Field]:
        """Fields that could be the label, if somebody knew what their values mean."""
        taken = {answer.field.name for answer in (*self.others, *self.unclear)}
        few = [
            f for f in fields
            if 1 < f.distinct <= _FEW and f.kind == "name" and f.name not in taken
            and f.noun not in _NO_LABEL
        ]  # fmt: skip
        return sorted(few, key=lambda f: (f.noun not in _LABEL_WORDS, f.distinct, f.name))

    @classmethod
    def among(cls, fields: Sequence[Field]) -> Self:
        """Find the label among *fields*; of equal ones, a learnable one with fewer positives."""
        found: list[Answer] = []
        refused: dict[str, str] = {}
        for field in fields:
            answer = _answer(field)
            if isinstance(answer, Answer):
                found.append(answer)
            elif answer:
                refused[field.name] = answer
        found.sort(key=lambda a: (-a.sure, not a.learnable, a.positives, a.field.name))
        likely = [answer for answer in found if answer.sure > _YES_OR_NO]
        if likely:
            return cls(chosen=likely[0], others=tuple(likely[1:]), unclear=(), refused=refused)
        # A yes-or-no field with a name that says nothing is the label only if it is the only one.
        rare = [a for a in found if a.positives <= a.rows(a.negative)]
        alone = found if len(found) == 1 else rare
        if len(alone) == 1 and not set(alone[0].field.words) & _USUAL_FLAGS:
            return cls(chosen=alone[0], others=(), unclear=(), refused=refused)
        return cls(chosen=None, others=(), unclear=tuple(found), refused=refused)


ValuesOf = Callable[[str], Mapping[str, int] | None]  # counts the values of a field


def with_all_values(label: Answer, values_of: ValuesOf) -> Answer:
    """*label* with the values of all events, if they can be counted: a sample misses rare ones.

    If these values lead to another conclusion than the sample, *label* stays as it is.
    """
    counted = values_of(label.field.name)
    if counted is None or not 0 < len(counted) <= MOST_VALUES:
        return label
    most = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    values, counts = zip(*most, strict=True)
    whole = _answer(replace(label.field, values=values, counts=counts, distinct=len(values)))
    return whole if isinstance(whole, Answer) else label


_SAYS_ITSELF_AND_NAMED, _NAMED, _SAYS_ITSELF, _ONE_SIDE, _ODD, _YES_OR_NO = range(5, -1, -1)


def _answer(field: Field) -> Answer | str:
    """*field* as a label, or why it is none; "" if nothing suggests that it is one."""
    named = _is_named(field)
    hopeless = _hopeless(field)
    if hopeless:
        return hopeless if named else ""
    told = _told(field.values)
    positive = tuple(v for v in field.values if told[v] == "positive")
    negative = tuple(v for v in field.values if told[v] == "negative")
    undecided = tuple(v for v in field.values if told[v] == "open")
    unknown = tuple(v for v in field.values if told[v] is None)
    if field.noun in _TURNED and not any(map(says_itself, field.values)):
        positive, negative = negative, positive
    counts = dict(zip(field.values, field.counts, strict=True))
    covered = 1 - sum(counts[v] for v in unknown) / max(sum(field.counts), 1)

    def answer(sure: int, why: str, yes: tuple[str, ...], no: tuple[str, ...]) -> Answer:
        left = tuple(v for v in field.values if v not in (*yes, *no))
        return Answer(field=field, positive=yes, negative=no, open=left, sure=sure, why=why)

    # Of many steps of an attack one may have a name that is known; that makes it no other label.
    named_steps = field.noun in _HOLDS_ANYTHING and sum(counts[v] for v in unknown) > sum(
        counts[v] for v in positive
    )
    clear_enough = positive and negative and covered >= _COVERED and not named_steps
    if clear_enough and (named or field.distinct <= _FEW):
        clear = any(map(says_itself, positive)) and any(map(says_itself, negative))
        if named:
            sure = _SAYS_ITSELF_AND_NAMED if clear else _NAMED
            return answer(sure, "its name and its values say so", positive, negative)
        if clear:
            return answer(_SAYS_ITSELF, "its values say so", positive, negative)
        if field.distinct - len(undecided) == 2:
            why = "it is the only yes-or-no field, though its name does not say that it is a label"
            return answer(_YES_OR_NO, why, positive, negative)
        return ""
    if not named:
        if field.distinct == 1 and field.missing and any(map(says_itself, positive)):
            return answer(_YES_OR_NO, "its value says so; only positives have it", positive, ())
        return ""
    if field.distinct == 1:
        if positive and field.missing:
            return answer(_ONE_SIDE, "its name says so; only positives have it", positive, ())
        return f"its only value is {field.values[0]!r}"
    if set(told.values()) <= {None, "open"} and set(map(str.lower, field.values)) & _DONE:
        return "it says how the event ended, not whether it was an attack"
    if field.noun not in _HOLDS_ANYTHING:
        if field.distinct == 2 and all(map(_is_number, field.values)):
            no, yes = sorted(field.values, key=float)
            if field.noun in _TURNED:
                no, yes = yes, no
            why = f"its name says so; a GUESS: of its two numbers, {yes!r} means an attack"
            return answer(_ODD, why, (yes,), (no,))
        return "none of its values is known to mean an attack; if one does, name the field yourself"
    if negative and unknown:
        why = "its name says so; values that are not called harmless are taken for attacks"
        return answer(_ONE_SIDE, why, (*positive, *unknown), negative)
    if positive and unknown:
        why = "its name says so; values that are not called attacks are taken for harmless"
        return answer(_ONE_SIDE, why, positive, unknown)
    if len(unknown) > 1 and len(unknown) <= _FEW:
        why = (
            f"its name says so; a GUESS: {unknown[0]!r} is most frequent, so the others are attacks"
        )
        return answer(_ODD, why, unknown[1:], unknown[:1])
    return "none of its values is known to mean an attack; if one does, name the field yourself"


def _told(values: Sequence[str]) -> dict[str, Meaning | None]:
    """The meaning of each of *values*; a 1 means yes only beside a number that means no."""
    told = {value: meaning_of(value) for value in values}
    numbers = [value for value in values if _is_number(value)]
    if len(numbers) > 1 and all(told[value] != "negative" for value in numbers):
        told |= dict.fromkeys(numbers)
    return told


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d+([.]0*)?", value) is not None


def _is_named(field: Field) -> bool:
    return field.noun in _LABEL_WORDS and field.noun not in _NO_LABEL


def _hopeless(field: Field) -> str:
    if not field.present:
        return "it is empty in the sample"
    if field.distinct > MOST_VALUES:
        return f"it has {field.distinct:,} values; a label has few"
    if field.kind in ("time", "address"):
        return "it is a time" if field.kind == "time" else "it is an address"
    return ""
