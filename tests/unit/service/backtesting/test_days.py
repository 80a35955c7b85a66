"""When a replay trains, and which days it judges."""

from datetime import UTC, datetime, timedelta

import pytest

from scoreback.errors import ConfigError
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.service.backtesting.days import day_bounds, start_days, training_moments
from scoreback.times import moment

WEEK = timedelta(days=7)


def at(month: int, of_month: int, hour: int = 0) -> datetime:
    return datetime(2026, month, of_month, hour, tzinfo=UTC)


def detector(more: str = "", alerts: str = "{budget: 5/day}") -> Detector:
    return parse_detector(f"""
name: tiny
events: {{local: {{stream: tiny}}}}
entity: host.name
labels: {{verdicts: {{join: event}}}}
features: [{{category: rule}}]
alerts: {alerts}
{more}""")


def test_trainings_begin_at_the_first_day_and_go_on_as_scheduled() -> None:
    own = detector('schedule: {train: "0 3 * * 0"}')  # Sundays
    found = training_moments(own, at(1, 1), at(1, 19), None)
    assert found == [at(1, 1), at(1, 4, 3), at(1, 11, 3), at(1, 18, 3)]


def test_trainings_may_be_so_far_apart_as_is_asked() -> None:
    assert training_moments(detector(), at(1, 1), at(1, 15), WEEK) == [at(1, 1), at(1, 8)]


def test_a_later_end_changes_no_earlier_training() -> None:
    short = training_moments(detector(), at(1, 1), at(1, 19), None)
    assert training_moments(detector(), at(1, 1), at(2, 19), None)[: len(short)] == short


def test_too_many_trainings_are_refused() -> None:
    with pytest.raises(ConfigError, match="more than 1,000 times"):
        training_moments(detector('schedule: {train: "* * * * *"}'), at(1, 1), at(1, 2), None)


def test_start_days_are_spread_over_the_time_between_two_trainings() -> None:
    found = start_days(detector(), at(1, 1), at(1, 20), WEEK, 3)
    assert [moments[0] for moments in found] == [at(1, 1), at(1, 3), at(1, 5)]
    assert found[1] == [at(1, 3), at(1, 10), at(1, 17)]
    assert found[2] == [at(1, 5), at(1, 12), at(1, 19)]


def test_more_start_days_than_days_between_trainings_are_refused() -> None:
    assert len(start_days(detector(), at(1, 1), at(2, 1), WEEK, 7)) == 7
    with pytest.raises(ConfigError, match="8 start days do not fit"):
        start_days(detector(), at(1, 1), at(2, 1), WEEK, 8)


def test_days_begin_where_the_team_says_and_only_whole_ones_count() -> None:
    own = detector(alerts='{budget: 5/day, day_starts: "06:00 Europe/Berlin"}')
    found = [moment(start) for start in day_bounds(own, at(1, 1), at(1, 3, 6))]
    assert found == [at(1, 1, 5), at(1, 2, 5), at(1, 3, 5)]
    with pytest.raises(ConfigError, match="no whole day"):
        day_bounds(own, at(1, 1), at(1, 1, 20))
