"""Files of verdicts: what is read of them, and what is wrong in them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoreback.errors import ConfigError, DataError
from scoreback.records import Verdict
from scoreback.service.detectors.verdict_file import read_verdicts


def written(folder: Path, text: str) -> Path:
    path = folder / "verdicts.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_verdicts_are_read_with_time_and_person_where_they_are_said(
    tmp_path: Path, separator: str
) -> None:
    text = (
        "\ufeffAlert,verdict,note,at,by\n"
        "a1,True Positive,x,2026-03-01T10:00:00+02:00,dana\n"
        "\n"
        '"a2","false_positive"\n'
    )
    lines, wrong = read_verdicts(written(tmp_path, text.replace(",", separator)))
    assert wrong == []
    assert [(line.number, line.alert, line.verdict) for line in lines] == [
        (2, "a1", Verdict.TRUE_POSITIVE),
        (4, "a2", Verdict.FALSE_POSITIVE),
    ]
    assert (lines[0].at, lines[0].by) == (datetime(2026, 3, 1, 8, tzinfo=UTC), "dana")
    assert (lines[1].at, lines[1].by) == (None, "")


def test_each_wrong_line_is_named(tmp_path: Path) -> None:
    text = (
        "alert,verdict,at\na1,nonsense,\n,true_positive,\na3,true_positive,soon\na4,undetermined,"
    )
    lines, wrong = read_verdicts(written(tmp_path, text))
    assert [line.alert for line in lines] == ["a4"]
    assert [(each.number, each.why.split(" (")[0]) for each in wrong] == [
        (2, f"'nonsense' is not a verdict; use one of {', '.join(one.value for one in Verdict)}"),
        (3, "it names no alert"),
        (4, "'soon' is not a valid time"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no column 'alert'"),
        ("alert,note\n", "no column 'verdict'"),
        ("alert,verdict,alert\n", "more than one column 'alert'"),
        ('alert,verdict\n"a', "is not CSV text"),
    ],
)
def test_what_is_no_file_of_verdicts_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_verdicts(written(tmp_path, text))


def test_the_columns_of_the_list_of_alerts_are_understood(tmp_path: Path) -> None:
    lines, _ = read_verdicts(written(tmp_path, "alert_id,id,verdict\na1,7,undetermined\n"))
    assert [line.alert for line in lines] == ["a1"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_verdicts(tmp_path / "none.csv")
