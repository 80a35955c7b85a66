"""Samples the texts of each class, by a seed, if there are too many to learn from.

A class is sampled by a hash of its texts, so neither alphabetical order nor the order of rows
matters. The smaller class is kept whole up to half of the limit: where attacks are rare, a
proportional sample would discard most of them. `texts` then corrects the intercept, so that each
class keeps its share in the log-odds.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MAX_TEXTS = 50_000  # distinct texts
MAX_CHARACTERS = 20_000_000  # in all texts; both limit memory to a few hundred megabytes
LEAST_TEXTS = 1_000  # learnt from at least, however long they are

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCounts:
    """The number of distinct texts in each class, and how many of them were learnt from."""

    positives: int
    negatives: int
    learnt_positives: int
    learnt_negatives: int

    @property
    def left_out(self) -> int:
        """The number of texts that were not learnt from."""
        return self.positives + self.negatives - self.learnt_positives - self.learnt_negatives


@dataclass(frozen=True, slots=True)
class TextSample:
    """For each distinct text, whether it is learnt from as a positive and as a negative."""

    positive: _Bools
    negative: _Bools

    @classmethod
    def of(cls, texts: pa.Array, positive: _Bools, negative: _Bools, seed: int) -> Self:
        """Choose among the *positive* and the *negative* ones of *texts*, which must be distinct.

        A text can be both. The choice does not depend on the order of the texts.
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
        """Indices of the texts that are learnt from."""
        return np.flatnonzero(self.positive | self.negative)


def at_a_time(texts: pa.Array) -> int:
    """How many of *texts* may be held in hashed form at once: fewer if they are long."""
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
