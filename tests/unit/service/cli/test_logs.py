"""What `serve` says: one line an event, for people or machines, and no password."""

import json
import logging

import pytest

from scoreback.service.cli.logs import LogFormat, formatter


def record(message: str, level: int = logging.INFO, **about: str) -> logging.LogRecord:
    made = logging.LogRecord("scoreback.x", level, "x.py", 1, message, (), None)
    made.created = 1_780_272_000.25
    vars(made).update(about)
    return made


def test_a_line_for_people_says_when_how_bad_who_and_what() -> None:
    line = formatter(LogFormat.TEXT).format(record("scored 3", detector="one", job="score"))
    assert line == "2026-06-01T00:00:00.250Z INFO one score: scored 3"
    assert formatter(LogFormat.TEXT).format(record("ended")).endswith("Z INFO ended")


def test_a_line_for_machines_is_json_without_what_is_not_known() -> None:
    line = formatter(LogFormat.JSON).format(record("ended", logging.WARNING, detector="one"))
    assert json.loads(line) == {
        "time": "2026-06-01T00:00:00.250Z",
        "level": "warning",
        "detector": "one",
        "message": "ended",
        "logger": "scoreback.x",
    }


@pytest.mark.parametrize("form", list(LogFormat))
def test_an_event_is_one_line_and_shows_no_password_of_a_url(form: LogFormat) -> None:
    line = formatter(form).format(record("first\n  second https://me:hunter2@a:9200/x failed\n"))
    assert "\n" not in line
    assert "first; second https://a:9200/x failed" in line


def test_an_exception_of_a_library_is_named_in_the_line() -> None:
    try:
        raise KeyError("x")  # noqa: TRY301 - to have one
    except KeyError as error:
        found = logging.LogRecord(
            "urllib", logging.ERROR, "x", 1, "odd", (), (KeyError, error, None)
        )
    assert formatter(LogFormat.TEXT).format(found).endswith("ERROR odd (KeyError: 'x')")
