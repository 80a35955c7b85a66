"""Which field of a sample is the label, what its values mean, and when it came to exist.

Values decide first: a field that says *benign* and *malicious* is a label, whatever it is called.
Where values say only yes and no, or nothing that is known, the name has to say that it is one.
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
# Of these, some also name what an event is about; values that mean nothing make no label of them.
_HOLDS_ANYTHING = frozenset(
    ("label", "verdict", "disposition", "truth", "classification", "class", "target", "outcome",
     "resolution", "groundtruth", "result", "grade", "triage", "determination", "judgement",
     "judgment", "adjudication", "conclusion")
)  # fmt: skip
_NO_LABEL = frozenset(  # names of things that such words describe
    ("type", "category", "severity", "rule", "signature", "technique", "tactic", "priority", "name")
)  # fmt: skip
_TURNED = frozenset(("benign",))  # a yes to such a name means no attack
_DONE = frozenset(
    ("success", "failure", "succeeded", "failed", "error", "denied", "allowed", "allow", "deny",
     "block", "blocked", "permit", "permitted", "accept", "accepted", "drop", "dropped", "pass",
     "passed")
)  # fmt: skip
_USUAL_FLAGS = frozenset(  # what events say yes or no to, that is not a verdict
    ("tls", "ssl", "https", "signed", "signature", "admin", "privileged", "elevated", "root",
     "internal", "external", "private", "remote", "encrypted", "enabled", "disabled",
     "success", "successful", "error", "login", "interactive", "cached", "weekend", "vpn", "mfa",
     "known", "new", "first", "exists", "active", "valid", "trusted", "managed", "orig", "resp",
     "tag", "automatable", "patched", "inbound", "outbound", "proxied", "authenticated", "allowed",
     "blocked", "rejected", "established", "recursion", "syn", "ack", "fin")
)  # fmt: skip
_ENOUGH = 50  # positives of the sample, from which on a label is easily learnt,
_LEAST_SHARE, _MOST_SHARE = 0.01, 0.6  # if this share of the events is positive
_COVERED = 0.6  # share of the rows with a value whose meaning is known
_FEW = 12  # values, where the name does not say that it is a label


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A field that could be the label."""

    field: Field
    positive: tuple[str, ...]
    negative: tuple[str, ...]  # empty where positives alone are written down
    open: tuple[str, ...]
    sure: int  # how much speaks for it; the most is chosen
    why: str  # in words, for the draft

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
        """Whether a first model can be learnt from it: positives are neither too few nor most."""
        share = self.positives / max(self.field.rows, 1)
        return self.positives >= _ENOUGH and _LEAST_SHARE <= share <= _MOST_SHARE

    def truth(self) -> Truth:
        """Of each row of the sample: 1, 0, or -1 where it says nothing."""
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
    """What was found: the label, others that may hold the answer too, and refused ones."""

    chosen: Answer | None
    others: tuple[Answer, ...]
    unclear: tuple[Answer, ...]  # without a chosen one: fields of yes and no, that may mean it
    refused: dict[str, str]  # field → why

    def of_few_values(self, fields: Sequence[Field]) -> list[Field]:
        """Those of *fields* that could be the label if somebody knew what their values mean."""
        taken = {answer.field.name for answer in (*self.others, *self.unclear)}
        few = [
            f for f in fields
            if 1 < f.distinct <= _FEW and f.kind == "name" and f.name not in taken
            and f.noun not in _NO_LABEL
        ]  # fmt: skip
        return sorted(few, key=lambda f: (f.noun not in _LABEL_WORDS, f.distinct, f.name))

    @classmethod
    def among(cls, fields: Sequence[Field]) -> Self:
        """The label among *fields*; of several as likely, a learnable one with fewer positives."""
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
        # Yes or no in a field whose name says nothing: a label only if no other could be meant.
        rare = [a for a in found if a.positives <= a.rows(a.negative)]
        alone = found if len(found) == 1 else rare
        if len(alone) == 1 and not set(alone[0].field.words) & _USUAL_FLAGS:
            return cls(chosen=alone[0], others=(), unclear=(), refused=refused)
        return cls(chosen=None, others=(), unclear=tuple(found), refused=refused)


ValuesOf = Callable[[str], Mapping[str, int] | None]  # how often each value of a field is there


def with_all_values(label: Answer, values_of: ValuesOf) -> Answer:
    """*label* with the values of all events, where they can be counted: a sample misses rare ones.

    They say the same of the field as the sample did, or it stays as it was.
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
    """*field* as a label; else why not, empty where nothing suggests that it is one."""
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
            why = "no other field could be one: it says yes and no, though its name tells nothing"
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
        return "it says how the event itself ended, not what it was"
    if field.noun not in _HOLDS_ANYTHING:
        if field.distinct == 2 and all(map(_is_number, field.values)):
            no, yes = sorted(field.values, key=float)
            if field.noun in _TURNED:
                no, yes = yes, no
            why = f"its name says so; a GUESS: of two numbers the greater, {yes!r}, means yes"
            return answer(_ODD, why, (yes,), (no,))
        return "no value of it is known to mean an attack; name it yourself if one does"
    if negative and unknown:
        why = "its name says so; what is not called harmless is taken for an attack"
        return answer(_ONE_SIDE, why, (*positive, *unknown), negative)
    if positive and unknown:
        why = "its name says so; what is not called an attack is taken for harmless"
        return answer(_ONE_SIDE, why, positive, unknown)
    if len(unknown) > 1 and len(unknown) <= _FEW:
        why = f"its name says so; a GUESS: {unknown[0]!r} is most frequent, so the rest are attacks"
        return answer(_ODD, why, unknown[1:], unknown[:1])
    return "no value of it is known to mean an attack; name it yourself if one does"


def _told(values: Sequence[str]) -> dict[str, Meaning | None]:
    """What each of *values* means; of numbers, a 1 says yes only beside a number that says no."""
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
        return f"{field.distinct:,} values differ; a label has few"
    if field.kind in ("time", "address"):
        return "it is a time" if field.kind == "time" else "it is an address"
    return ""
