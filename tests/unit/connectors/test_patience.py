"""How long a client waits before it asks again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from scoreback.connectors.patience import pause

LONGEST = 30.0


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (None, 0.5, 1.0),
        ("", 0.5, 1.0),
        ("7", 7.0, 7.0),
        ("soon", 0.5, 1.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.5, 1.0),
        ("86400", 300.0, 300.0),
    ],
)
def test_a_server_asks_for_seconds_or_until_a_date(
    asked: str | None, least: float, most: float
) -> None:
    assert least <= pause(1, LONGEST, asked) <= most


def test_a_date_that_is_to_come_is_waited_for() -> None:
    at = datetime.now(UTC) + timedelta(minutes=2)
    assert 110 < pause(1, LONGEST, format_datetime(at, usegmt=True)) <= 120


def test_each_pause_is_longer_up_to_a_limit() -> None:
    assert 1.0 <= pause(2, LONGEST) <= 2.0
    assert 15.0 <= pause(12, LONGEST) <= LONGEST
