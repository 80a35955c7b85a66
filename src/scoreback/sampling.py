"""Uniform draws from ids: the same id gives the same number in any run and on any machine."""

from hashlib import md5, sha256

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.engine import open_engine

_FEW = 40_000


def digests(ids: pa.Array | pa.ChunkedArray, salt: str) -> NDArray[np.uint64]:
    """64 bits of a digest of *salt* and each of *ids*, uniformly distributed.

    The lower half of MD5, which is fast; it need not be secure. Opening DuckDB takes as long as
    digesting `_FEW` ids here.
    """
    if len(ids) <= _FEW:
        salted = (f"{salt}/{one}".encode() for one in ids.to_pylist())
        halves = b"".join(md5(one, usedforsecurity=False).digest()[8:] for one in salted)
        return np.frombuffer(halves, dtype="<u8")
    ids = pa.table({"n": np.arange(len(ids)), "id": ids})
    with open_engine("500MB", threads=1) as engine:
        drawn = engine.sql(
            "SELECT md5_number_lower(? || '/' || id) AS draw FROM ids ORDER BY n", params=[salt]
        ).to_arrow_table()
    return np.asarray(drawn["draw"].to_numpy())


def draws(ids: pa.Array | pa.ChunkedArray, salt: str) -> NDArray[np.float64]:
    """The same as numbers in [0, 1)."""
    if not len(ids):
        return np.zeros(0)
    return (digests(ids, salt) >> np.uint64(11)) / np.float64(2**53)


def codes(texts: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
    """63 bits of a digest of each of *texts*; -1 for null."""
    whole = pa.chunked_array([texts]) if isinstance(texts, pa.Array) else texts
    coded = whole.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    known = [
        int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1
        for text in coded.dictionary.to_pylist()
    ]
    places = coded.indices.fill_null(len(known)).to_numpy(zero_copy_only=False)
    found: NDArray[np.int64] = np.array([*known, -1], dtype=np.int64)[places]
    return found
