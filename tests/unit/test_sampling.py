"""Draws from ids: even, and the same whichever way they are computed."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback import sampling
from scoreback.sampling import codes, digests, draws

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=20)


@given(TEXTS)
def test_few_ids_are_digested_as_many_are(ids: list[str]) -> None:
    few = digests(pa.array(ids, pa.string()), "salt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "_FEW", -1)
        many = digests(pa.array(ids, pa.string()), "salt")
    np.testing.assert_array_equal(few, many)


def test_draws_are_even_and_another_salt_draws_anew() -> None:
    ids = pa.array([f"e{n}" for n in range(5000)])
    drawn, other = draws(ids, "a"), draws(ids, "b")
    assert 0 <= drawn.min() < 0.01
    assert 0.99 < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.05


def test_equal_entities_have_equal_codes_and_an_absent_one_has_none() -> None:
    found = codes(pa.chunked_array([pa.array(["a", None]), pa.array(["b", "a"])]))
    assert found[0] == found[3] != found[2]
    assert found[1] == -1
    assert (found[[0, 2]] >= 0).all()
