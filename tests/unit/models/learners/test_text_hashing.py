"""The hashed runs are those of scikit-learn, to the last bit: stored weights depend on it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer

from scoreback.models.learners import text_hashing
from scoreback.models.learners.text_hashing import BUCKETS, RUNS, hashed

ODD = ("", "a", "ab", "a  b\t\n c", "\u2028\u2028x", "Straße İ", "日本語テキスト",
       "\U0001f600x" * 3, "e\u0301", "\0\x01", "ΑΣ", "x" * 9000)  # fmt: skip
characters = st.one_of(
    st.characters(exclude_categories=["Cs"]),  # no surrogates: Arrow holds none
    st.sampled_from("abcAB /-._0\t\n "),
)
texts = st.lists(st.one_of(st.text(characters, max_size=12), st.sampled_from(ODD)), max_size=8)


def same(given: list[str]) -> None:
    ours = hashed(given)
    assert ours.shape == (len(given), BUCKETS)
    if not given:
        return
    theirs = HashingVectorizer(
        analyzer="char", ngram_range=RUNS, n_features=BUCKETS, alternate_sign=False, binary=True
    ).transform(given)
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))


@settings(max_examples=300)
@given(texts)
def test_they_are_those_of_scikit_learn(given: list[str]) -> None:
    same(given)


@given(texts, st.integers(1, 3), st.integers(1, 20))
def test_blocks_change_nothing(given: list[str], most: int, characters: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(text_hashing, "_BLOCK_TEXTS", most)
        patched.setattr(text_hashing, "_BLOCK_CHARACTERS", characters)
        same(given)


def test_every_pair_of_ascii_characters_falls_into_its_bucket() -> None:
    same([chr(first) + chr(second) for first in range(128) for second in range(128)])
