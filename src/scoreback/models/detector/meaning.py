"""The meaning of label values: attack, no attack, or undecided.

It is read from words that analysts and data sets use: ``True Positive - Suspicious``,
``not_malicious``, ``BTP``. Other values have no known meaning; there is no guessing.
"""

import re
from itertools import pairwise
from typing import Literal

Meaning = Literal["positive", "negative", "open"]

_POSITIVE = frozenset(
    ("malicious", "attack", "attacks", "anom", "anomaly", "anomalous", "abnormal", "bad", "evil",
     "malware", "exploited", "exploit", "intrusion", "compromised", "compromise", "threat",
     "phishing", "phish", "spam", "ransomware", "botnet", "bot", "breach", "incident", "fraud",
     "fraudulent", "hostile", "infected", "tp", "mal", "outlier", "guilty")
)  # fmt: skip
_NEGATIVE = frozenset(
    ("benign", "normal", "norm", "good", "goodware", "legit", "legitimate", "clean", "safe", "fp",
     "btp", "bp", "background", "harmless", "noise", "ham", "ordinary", "expected", "innocent",
     "fine", "dismissed",
     "benignpositive", "falsepositive")
)  # fmt: skip
# Beside a word that says more they say nothing: a false positive may be confirmed, too.
_POSITIVE_IF_NOTHING_ELSE = frozenset(("confirmed", "genuine", "substantiated"))
_NEGATIVE_IF_NOTHING_ELSE = frozenset(("unfounded", "unsubstantiated", "nuisance", "irrelevant"))
_OPEN = frozenset(
    ("undetermined", "unknown", "pending", "inconclusive", "unconfirmed", "untriaged", "unlabelled",
     "unlabeled", "unreviewed", "duplicate")
)  # fmt: skip
_NOT = frozenset(("not", "non", "no", "never", "un", "without"))
# As a whole value they answer the field's name; within a longer text they say little.
_YES = frozenset(
    ("1", "true", "yes", "y", "t", "positive", "pos", "active", "poc", "confirmed", "escalated")
)
_NO = frozenset(("0", "false", "no", "n", "f", "negative", "neg", "none", "-", "ok", "0.0"))
_YES_TOO = frozenset(("1.0",))
_NOBODY_KNOWS = frozenset(("?", "n/a", "na", "null", "other", "new", "open", "in progress"))


def meaning_of(value: str) -> Meaning | None:
    """The meaning of *value* as a label; None if its words do not tell."""
    plain = " ".join(value.lower().split())
    if plain in _YES or plain in _YES_TOO:
        return "positive"
    if plain in _NO:
        return "negative"
    if plain in _NOBODY_KNOWS:
        return "open"
    words = words_of(value)
    told = _of_pairs(words)
    if told is not None:
        return told
    for i, word in enumerate(words):
        if word in _OPEN:
            return "open"
        if word in _NEGATIVE:
            return "negative"
        if word in _POSITIVE:
            return "negative" if i and words[i - 1] in _NOT else "positive"
    for i, word in enumerate(words):
        if word in _NEGATIVE_IF_NOTHING_ELSE:
            return "negative"
        if word in _POSITIVE_IF_NOTHING_ELSE:
            return "negative" if i and words[i - 1] in _NOT else "positive"
    return None


def says_itself(value: str) -> bool:
    """Whether *value* has a meaning without the field's name: ``benign`` does, ``0`` does not."""
    plain = " ".join(value.lower().split())
    return meaning_of(value) in ("positive", "negative") and plain not in _YES | _NO | _YES_TOO


def words_of(text: str) -> list[str]:
    """The words of *text* in lower case: ``isBad``, ``is_bad`` and ``is.bad`` are the same."""
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return [word for word in re.split(r"[^a-z0-9]+", split.lower()) if word]


def _of_pairs(words: list[str]) -> Meaning | None:
    """The meaning of pairs of words, such as "false negative", which is an attack."""
    pairs = list(pairwise(words))
    for pair in pairs:
        if pair in (("benign", "positive"), ("benign", "true"), ("true", "negative"),
                    ("false", "positive"), ("false", "alarm"), ("false", "alert")):  # fmt: skip
            return "negative"
    for pair in pairs:
        if pair in (("true", "positive"), ("false", "negative"), ("true", "alert")):
            return "positive"
    return None
