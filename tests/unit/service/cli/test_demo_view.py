"""What the demo says at its end is what its figures say."""

from hypothesis import given
from hypothesis import strategies as st

from scoreback.service.cli.demo_view import compared


@given(second=st.floats(0, 1), stayed=st.floats(0, 1))
def test_more_and_fewer_true_alerts_are_those_of_the_figures(second: float, stayed: float) -> None:
    text = compared(second, stayed)
    assert ("more than" in text) == (f"{second:.0%}" != f"{stayed:.0%}" and second > stayed)
    assert ("fewer than" in text) == (f"{second:.0%}" != f"{stayed:.0%}" and second < stayed)
    assert f"{second:.0%}" in text
