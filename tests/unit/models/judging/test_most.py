"""The search for a cut comes to the same whatever it begins with."""

from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.judging.pacing import _most


@given(st.data())
def test_whatever_is_guessed_the_largest_that_fits_is_found(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 3000))
    answer = data.draw(st.integers(0, count))
    least = data.draw(st.integers(0, answer))
    guess = data.draw(st.integers(0, 2 * count))
    asked = []

    def fits(taken: int) -> bool:
        assert least < taken <= count
        asked.append(taken)
        return taken <= answer

    assert _most(fits, least, count, guess=guess) == answer
    assert len(asked) == len(set(asked)) <= 40
