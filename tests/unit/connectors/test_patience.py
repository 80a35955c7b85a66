"""How long a client waits before it asks again."""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Event, Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors import patience
from scoreback.connectors.patience import longest_try, pause, tell, unanswered

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


@given(attempts=st.integers(1, 20), longest=st.floats(0.1, 60))
def test_what_is_said_of_how_long_it_goes_on_is_never_less_than_the_pauses(
    attempts: int, longest: float
) -> None:
    paused = sum(pause(attempt, longest) for attempt in range(1, attempts))
    assert paused <= longest_try(attempts, longest) <= 2 * paused + 1e-9


def test_a_first_failure_says_what_failed_and_for_how_long_it_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tell("no connection", attempts=6, longest=30.0)
    tell("no answer within 60 s", attempts=6, longest=30.0, spent=60.0)
    assert caplog.messages == [
        "no connection; trying again, for up to 31 s more",
        "no answer within 60 s; trying again, for up to 6 minutes more",
    ]


class Heard(logging.Handler):
    """Says when something was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.event, self.text = Event(), ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text = record.getMessage()
        self.event.set()


def test_a_server_that_is_silent_is_told_of_within_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert patience.SILENT < 5
    monkeypatch.setattr(patience, "SILENT", 0.0)
    heard = Heard()
    monkeypatch.setattr(patience, "log", logging.Logger("alone", logging.INFO))
    patience.log.addHandler(heard)
    with unanswered("connection 'prod'", timeout=60.0, attempts=6, longest=30.0):
        assert heard.event.wait(10)
    assert heard.text == "connection 'prod': no answer yet; waiting for up to 7 minutes in all"


def test_of_a_server_that_answers_nothing_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with unanswered("x", timeout=60.0, attempts=6, longest=30.0):
        pass
    assert caplog.messages == []


def test_once_it_was_told_how_long_it_goes_on_silence_is_not_told_of_too(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    made = list[Timer]()

    def timer(*args: object) -> Timer:
        made.append(Timer(*args))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setattr(patience, "Timer", timer)
    with unanswered("x", timeout=60.0, attempts=6, longest=30.0):
        tell("refused", attempts=6, longest=30.0)
        assert made[0].finished.is_set()
    assert caplog.messages == ["refused; trying again, for up to 31 s more"]
