"""The words of a text that raised its score: those whose character runs add most log-odds."""

import re

import numpy as np

from scoreback.models.learners.text_hashing import runs_of
from scoreback.models.learners.texts import TextModel

MOST = 3  # words to name
LONGEST = 40  # characters of a named word; a base64 payload is one word
_LEAST = 0.34  # share of the strongest word's log-odds that a named word needs
_WORD = re.compile(r"[^\s\"'`=,;|&()<>{}\[\]]+")
_BLANKS = re.compile(r"\s\s+")


def spoken(model: TextModel, text: str) -> list[str]:
    """The words of *text* that raise its log-odds most, strongest first; empty if none does.

    The weight of each distinct run is divided evenly among the characters of its first occurrence;
    the log-odds of a word are the sum over its characters.
    """
    shown = _BLANKS.sub(" ", text)
    lowered = shown.lower()
    if len(lowered) != len(shown):
        shown = lowered
    said = np.zeros(len(lowered))
    told: set[int] = set()
    for length, buckets in runs_of(lowered):
        for place, bucket in enumerate(buckets.tolist()):
            if bucket not in told:
                told.add(bucket)
                said[place : place + length] += model.weights.get(bucket, 0.0) / length
    words: dict[str, float] = {}
    for found in _WORD.finditer(shown):
        word = _strongest_part(found, said)
        words[word] = max(words.get(word, 0.0), float(said[found.start() : found.end()].sum()))
    ranked = sorted((-value, word) for word, value in words.items() if value > 0)
    return [word for value, word in ranked[:MOST] if value <= _LEAST * ranked[0][0]]


def _strongest_part(
    found: "re.Match[str]", said: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> str:
    """The word itself; for a long one, the part with the most log-odds."""
    word = found.group()
    if len(word) <= LONGEST:
        return word
    sums = np.convolve(said[found.start() : found.end()], np.ones(LONGEST), mode="valid")
    start = int(np.argmax(sums))
    before, after = "…" * (start > 0), "…" * (start + LONGEST < len(word))
    return f"{before}{word[start : start + LONGEST]}{after}"
