"""Hashes the character runs of many texts into buckets at once.

The matrix equals that of scikit-learn's `HashingVectorizer` to the last bit (lower case, whitespace
collapsed, MurmurHash3 of the UTF-8 bytes, binary, rows normalised to length one). That class makes
a Python object for each run: on descriptions of 300 characters this takes most of a fit's time.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

BUCKETS = 2**14
RUNS = (2, 4)  # characters
_BLOCK_CHARACTERS = 500_000  # at once: about ten arrays of a few megabytes
_BLOCK_TEXTS = 2**16  # at once: the product with the number of buckets fits an int32
_BLANKS = re.compile(r"\s\s+")
_ASCII = 128

_Hashes = NDArray[np.uint32]


def hashed(texts: Sequence[str]) -> Any:  # noqa: ANN401 - SciPy's types are not known
    """A sparse matrix of shape (texts, `BUCKETS`), compressed by rows."""
    from scipy.sparse import csr_matrix

    columns, sizes = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int64)]
    for block in _blocks([_BLANKS.sub(" ", text.lower()) for text in texts]):
        keys = np.sort(_keys(block))  # several times as fast as `np.unique`
        keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]
        columns.append(keys % BUCKETS)
        sizes.append(np.bincount(keys // BUCKETS, minlength=len(block)))
    size = np.concatenate(sizes)
    with np.errstate(divide="ignore"):
        values = np.repeat(1.0 / np.sqrt(size), size)
    starts = np.concatenate([[0], np.cumsum(size)])
    return csr_matrix((values, np.concatenate(columns), starts), shape=(len(texts), BUCKETS))


def runs_of(text: str) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """The bucket of each run of one *text*, which must be in lower case, by length and position.

    Shows which part of a text raised its score; training and scoring use `hashed`.
    """
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    for length in range(RUNS[0], min(RUNS[1], len(codes)) + 1):
        last = len(codes) - length + 1
        yield length, _buckets([codes[place : place + last] for place in range(length)])


def _blocks(texts: list[str]) -> Iterator[list[str]]:
    start = characters = 0
    for i, text in enumerate(texts):
        if characters >= _BLOCK_CHARACTERS or i - start >= _BLOCK_TEXTS:
            yield texts[start:i]
            start, characters = i, 0
        characters += len(text)
    if start < len(texts):
        yield texts[start:]


def _keys(texts: list[str]) -> NDArray[np.int32]:
    """For every run, the index of its text times `BUCKETS`, plus its bucket."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype="<u4")
    owner = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) for text in texts])
    found = [np.empty(0, dtype=np.int32)]
    for length in range(RUNS[0], RUNS[1] + 1):
        if len(codes) < length:
            break
        last = len(codes) - length + 1
        within = owner[:last] == owner[length - 1 :]
        run = [codes[place : place + last][within] for place in range(length)]
        found.append(owner[:last][within] * np.int32(BUCKETS) + _buckets(run))
    return np.concatenate(found)


def _buckets(run: list[_Hashes]) -> NDArray[np.int32]:
    hashes = _hashes(run)
    # The hash is signed; its absolute value counts.
    distance = np.where(hashes >> 31, -hashes, hashes)
    return (distance % BUCKETS).astype(np.int32)


def _hashes(run: list[_Hashes]) -> _Hashes:
    plain = np.ones(len(run[0]), dtype=bool)
    for codes in run:
        plain &= codes < _ASCII
    if plain.all():
        return _murmur(run)
    found = np.empty(len(plain), dtype=np.uint32)
    found[plain] = _murmur([codes[plain] for codes in run])
    found[~plain] = _murmur_of_others(np.stack([codes[~plain] for codes in run], axis=1))
    return found


def _murmur(run: list[_Hashes]) -> _Hashes:
    """MurmurHash3 (32 bits, seed 0) of two to four bytes, with one array for each position."""
    key = run[0].astype(np.uint32)
    for place, byte in enumerate(run[1:], start=1):
        key |= byte << np.uint32(8 * place)
    found = _rotated(key * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    if len(run) == 4:  # a whole block; fewer are a tail
        found = _rotated(found, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    found ^= np.uint32(len(run))
    found ^= found >> np.uint32(16)
    found *= np.uint32(0x85EBCA6B)
    found ^= found >> np.uint32(13)
    found *= np.uint32(0xC2B2AE35)
    found ^= found >> np.uint32(16)
    return found


def _rotated(values: _Hashes, bits: int) -> _Hashes:
    return (values << np.uint32(bits)) | (values >> np.uint32(32 - bits))


def _murmur_of_others(runs: _Hashes) -> _Hashes:
    """scikit-learn's hash, computed once for each distinct run; shape (runs, characters)."""
    from sklearn.utils import murmurhash3_32

    width = runs.shape[1]
    whole = np.ascontiguousarray(runs, dtype="<u4").view(f"V{4 * width}").ravel()
    different, places = np.unique(whole, return_inverse=True)
    hashes = [
        murmurhash3_32(run.tobytes().decode("utf-32-le").encode(), positive=True)
        for run in different
    ]
    found: _Hashes = np.array(hashes, dtype=np.uint32)[places]
    return found
