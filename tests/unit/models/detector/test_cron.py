"""Cron lines mean what every crontab means by them."""

from datetime import UTC, datetime

import pytest
from apscheduler.triggers.cron import CronTrigger

from scoreback.models.detector.cron import apscheduler_line, check_cron_line


@pytest.mark.parametrize(
    ("weekday", "means"),
    [
        ("0", "sun"),
        ("7", "sun"),
        ("1-5", "mon,tue,wed,thu,fri"),
        ("5-7", "fri,sat,sun"),
        ("0,6", "sun,sat"),
        ("*/2", "sun,tue,thu,sat"),
        ("mon-fri", "mon-fri"),
        ("*", "*"),
    ],
)
def test_weekdays_count_from_sunday(weekday: str, means: str) -> None:
    assert apscheduler_line(f"0 3 * * {weekday}") == f"0 3 * * {means}"
    assert check_cron_line(f"0 3 * * {weekday}")


def test_the_default_training_time_is_a_sunday() -> None:
    trigger = CronTrigger.from_crontab(apscheduler_line("0 3 * * 0"), timezone=UTC)
    due = trigger.get_next_fire_time(None, datetime(2024, 5, 1, tzinfo=UTC))
    assert due == datetime(2024, 5, 5, 3, tzinfo=UTC)
    assert due.strftime("%A") == "Sunday"
