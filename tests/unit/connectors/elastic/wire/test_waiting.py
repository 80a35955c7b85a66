"""How long the client waits before it asks again."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from scoreback.connectors.elastic.wire.client import _seconds


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(None, 0.0), ("", 0.0), ("7", 7.0), ("soon", 0.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_a_server_asks_for_seconds_or_until_a_date(asked: str | None, seconds: float) -> None:
    assert _seconds(asked) == seconds


def test_a_date_that_is_to_come_is_waited_for() -> None:
    at = datetime.now(UTC) + timedelta(minutes=2)
    assert 110 < _seconds(format_datetime(at, usegmt=True)) <= 120
