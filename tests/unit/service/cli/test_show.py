"""What the command line prints is what it was given."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from scoreback.records import Alert, Severity
from scoreback.service.cli import show
from scoreback.service.cli.reasons import as_plain


def test_a_table_prints_lists_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    show.table("Keys", ("key", "value"), [("unit.group", "[host.name, rule.id]")])
    assert "[host.name, rule.id]" in capsys.readouterr().out


def test_json_has_times_with_t_and_z_and_null_for_what_is_not_a_number(
    capsys: pytest.CaptureFixture[str],
) -> None:
    berlin = timezone(timedelta(hours=1))
    show.as_json(
        {
            "utc": datetime(2026, 1, 31, 12, tzinfo=UTC),
            "inside": [{"berlin": datetime(2026, 1, 31, 12, 0, 0, 250000, tzinfo=berlin)}],
            "figure": (float("nan"), 0.5),
        }
    )
    assert json.loads(capsys.readouterr().out) == {
        "utc": "2026-01-31T12:00:00Z",
        "inside": [{"berlin": "2026-01-31T11:00:00.250000Z"}],
        "figure": [None, 0.5],
    }


def test_reasons_of_an_alert_are_json_and_not_text() -> None:
    at = datetime(2026, 1, 31, tzinfo=UTC)
    alert = Alert(
        alert_id="a", rule="r", detector="d", version="v1", entity="h", event_id="e",
        event_time=at, raised_at=at, score=0.9, risk=90.0, severity=Severity.HIGH, events=1,
        reasons='[{"text": "rare"}]',
    )  # fmt: skip
    assert as_plain(alert)["reasons"] == [{"text": "rare"}]
    assert as_plain(replace(alert, reasons=""))["reasons"] == []


def test_a_sentence_goes_on_in_the_next_line_and_a_command_stays_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sentence = "the version v12-0123456789abcdef scores from now on, " * 4
    monkeypatch.setenv("COLUMNS", "60")
    for say, text in ((show.say, f"  scoreback {sentence}"), (show.line, sentence)):
        say(text)
        assert capsys.readouterr().out == f"{text}\n"
    show.say(sentence)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 60
    assert sum("v12-0123456789abcdef" in line for line in lines) >= 3
    monkeypatch.delenv("COLUMNS")
    show.say(sentence)
    assert capsys.readouterr().out == f"{sentence}\n"


def test_an_error_goes_on_in_the_next_line_but_what_is_copied_stays_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = (
        "`scoreback apply --take-over`",
        "scoreback train queue.yml --as-of 2026-02-16 --promote",
        "pip install 'scoreback[sigma]'",
        "--time-format '%d.%m.%Y %H:%M'",
        "--strip _source",
        "train: {accept: {equal_to_rule: true}}",
    )
    for one in copied:
        for before in range(20, 60):
            words = " ".join(["word"] * (before // 5)) + "x" * (before % 5)
            hint = f"{words}: {one}, and so on, until it is longer than one line of the screen"
            monkeypatch.setenv("COLUMNS", "80")
            show.warn(f"{words} is wrong with the thing that the command names here", hint)
            lines = capsys.readouterr().err.splitlines()
            assert max(map(len, lines)) <= 80
            assert sum(one in line for line in lines) == 1
            monkeypatch.delenv("COLUMNS")
            show.warn("in a pipe it is one line, however long " * 3, hint)
            assert len(capsys.readouterr().err.splitlines()) == 2
