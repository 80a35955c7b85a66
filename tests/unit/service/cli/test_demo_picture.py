"""The demo's bars: true above false, a day below each fifth, and never wider than a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from scoreback.service.cli.demo_picture import picture
from scoreback.service.demo.story import WHOLE, DayCount


def counted(*days: tuple[int, int], since: int = 0) -> list[DayCount]:
    return [
        DayCount(day=day, alerts=true + false, true_alerts=true)
        for day, (true, false) in enumerate(days, start=since)
    ]


def test_bars_grow_with_their_counts_and_nothing_has_none() -> None:
    true, false, axis = picture(counted((0, 8), (4, 4), (8, 0), since=19))
    assert true == " true       ▅▅ ██"
    assert false == " false   ██ ▅▅"
    assert axis == " day        20"


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=22))
def test_the_days_of_the_story_fit_eighty_columns(days: list[tuple[int, int]]) -> None:
    assert WHOLE.end - WHOLE.first_training <= 22
    assert all(len(line) <= 80 for line in picture(counted(*days, since=18)))
