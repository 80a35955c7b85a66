"""Which texts are learnt from where they are too many: a seeded sample of each class.

A class is sampled by a hash of its texts, so neither their alphabet nor the order of rows has a
say. The smaller class is kept whole up to half of the room: where attacks are rare, a sample in
proportion would throw most of them away. Who learns from it corrects the intercept, so that each
class keeps its share in the log-odds.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MAX_TEXTS = 50_000  # that differ
MAX_CHARACTERS = 20_000_000  # of all of them; both bound memory to some hundred megabytes
LEAST_TEXTS = 1_000  # however long they are

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCounts:
    """How many texts differ in each class, and how many of them were learnt from."""

    positives: int
    negatives: int
    learnt_positives: int
    learnt_negatives: int

    @property
    def left_out(self) -> int:
        """Texts that nothing was learnt from."""
        return self.positives + self.negatives - self.learnt_positives - self.learnt_negatives


@dataclass(frozen=True, slots=True)
class TextSample:
    """Of each text that differs, whether it is learnt from as a positive and as a negative."""

    positive: _Bools
    negative: _Bools

    @classmethod
    def of(cls, texts: pa.Array, positive: _Bools, negative: _Bools, seed: int) -> Self:
        """Choose among *texts*, which differ, those that are *positive* and *negative*.

        A text can be both. The choice is the same in whatever order the texts come.
        """
        room = at_a_time(texts)
        positives, negatives = int(positive.sum()), int(negative.sum())
        if positives + negatives <= room:
            return cls(positive, negative)
        quota = min(positives, max(room // 2, room - negatives))
        order = np.argsort(_hashes(texts, seed), kind="stable")
        return cls(_first(positive, order, quota), _first(negative, order, room - quota))

    @property
    def either(self) -> _Ints:
        """Places of the texts that are learnt from."""
        return np.flatnonzero(self.positive | self.negative)


def at_a_time(texts: pa.Array) -> int:
    """How many of *texts* are held as numbers at once: fewer where they are long."""
    mean = pc.mean(pc.utf8_length(texts)).as_py() or 0.0
    return max(LEAST_TEXTS, min(MAX_TEXTS, int(MAX_CHARACTERS / max(mean, 1.0))))


def _first(mask: _Bools, order: _Ints, count: int) -> _Bools:
    kept = np.zeros(len(mask), dtype=bool)
    kept[order[mask[order]][:count]] = True
    return kept


def _hashes(texts: pa.Array, seed: int) -> NDArray[np.uint64]:
    salt = str(seed).encode()
    digests = b"".join(
        hashlib.blake2b(text.encode(), digest_size=8, salt=salt[:16]).digest()
        for text in texts.to_pylist()
    )
    return np.frombuffer(digests, dtype="<u8")
