from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.times import UNITS, duration, duration_setting


@given(st.integers(0, 10_000), st.sampled_from(sorted(UNITS)))
def test_a_duration_is_a_number_of_its_unit(number: int, unit: str) -> None:
    assert duration(f"{number}{unit}") == number * timedelta(seconds=UNITS[unit])


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "05m", "-5m", "5min", "1.5h", "P1D", None, 5]
)
def test_what_is_written_otherwise_is_no_duration(text: object) -> None:
    assert duration(text) is None


def test_the_longest_number_is_the_longest_duration() -> None:
    found = duration("9999999999w")
    assert found is not None
    assert timedelta.max - found < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("given_value", "read"),
    [("60s", timedelta(minutes=1)), ("PT60S", "PT60S"), ("60", "60"), ("1.5", "1.5"), (60, 60)],
)
def test_a_setting_may_also_be_written_as_before(given_value: object, read: object) -> None:
    assert duration_setting(given_value) == read


@pytest.mark.parametrize("text", ["5 minutes", "soon", "5min", "", "1d 2h"])
def test_a_setting_of_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="such as 60s"):
        duration_setting(text)
