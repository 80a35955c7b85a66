"""The command line as a newcomer meets it: what it prints, and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.command import Run, runner

EXAMPLES = Path(__file__).parents[2] / "examples" / "detectors"

DETECTOR = """
name: tiny
events: {local: {stream: tiny}}
entity: host.name
labels: {field: {name: verdict, positive: [bad], negative: [ok]}, mature_after: 0s}
features: [{category: rule}, {number: size}]
alerts: {budget: 5/day}
"""


@pytest.fixture
def scoreback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("SCOREBACK_HOME", str(tmp_path / "home"))
    return runner(monkeypatch, capsys)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.csv"
    rows = [f"2026-01-{d:02}T{h:02}:00:00Z,h{h % 3},r{h % 4},{h},ok" for d in range(1, 9)
            for h in range(24)]  # fmt: skip
    path.write_text("\n".join(["@timestamp,host.name,rule,size,verdict", *rows]) + "\n")
    return path


@pytest.fixture
def detector(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yml"
    path.write_text(DETECTOR)
    return path


def test_the_examples_are_valid(scoreback: Run) -> None:
    ended = scoreback("validate", *sorted(EXAMPLES.glob("*.yml")), "--explain")
    assert ended.code == 0, ended.err
    assert "per_entity" in ended.out


def test_a_technique_that_attack_does_not_have_is_told_before_any_server_is_asked(
    scoreback: Run, detector: Path
) -> None:
    detector.write_text(DETECTOR.replace("budget: 5/day", "budget: 5/day, attack: [T1078, T9999]"))
    ended = scoreback("validate", detector)
    assert ended.code == 0
    assert "names T9999, which ATT&CK" in " ".join(ended.err.split())
    assert "T1078" not in ended.err
    (told,) = scoreback("validate", detector, "--json").json
    assert [("T9999" in warning) for warning in told["warnings"]] == [True]


def test_a_wrong_detector_file_names_file_line_key_and_remedy(
    scoreback: Run, detector: Path
) -> None:
    detector.write_text(DETECTOR.replace("budget: 5/day", "budgte: 5/day"))
    ended = scoreback("validate", detector)
    assert ended.code == 1
    assert f"{detector}:7" in ended.err
    assert "budgte" in ended.err
    assert "budget" in ended.err


def test_one_wrong_file_does_not_hide_the_others(
    scoreback: Run, detector: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("name: [")
    ended = scoreback("validate", wrong, detector, "--json")
    assert ended.code == 1
    assert [entry["ok"] for entry in ended.json] == [False, True]


def test_a_selection_for_a_siem_that_is_not_installed_is_refused_by_name(
    scoreback: Run, detector: Path
) -> None:
    detector.write_text(DETECTOR.replace("{local:", "{qradar: {search: ids}, local:"))
    ended = scoreback("validate", detector)
    assert ended.code == 1
    assert "events.qradar" in ended.err


@pytest.mark.parametrize(
    ("selection", "says", "remedy"),
    [
        ("local: {strem: tiny}", "events.local.strem: unknown key", "did you mean 'stream'?"),
        ("elastic: {index: a, qurey: b}", "events.elastic.qurey: unknown key", "'query'"),
        ("splunk: {search: a, host: b}", "events.splunk.host: unknown key", "search, id, fields"),
    ],
)
def test_a_key_that_a_selection_does_not_have_is_named_with_its_line(
    scoreback: Run, detector: Path, selection: str, says: str, remedy: str
) -> None:
    detector.write_text(DETECTOR.replace("local: {stream: tiny}", selection))
    for command in ("validate", "check"):
        ended = scoreback(command, detector)
        assert ended.code == 1
        assert f"{detector}:3: {says}" in ended.err
        assert remedy in ended.err


def test_the_schema_knows_the_keys_of_each_selection(scoreback: Run) -> None:
    events = scoreback("validate", "--schema").json["properties"]["events"]
    assert events["properties"]["local"]["propertyNames"]["enum"] == ["stream"]
    assert "query" in events["properties"]["elastic"]["propertyNames"]["enum"]


def test_the_schedule_is_printed_as_crontab_lines_and_nothing_else(
    scoreback: Run, detector: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text("name: [")
    ended = scoreback("validate", detector, wrong, "--crontab")
    assert ended.code == 1
    score, train = ended.out.splitlines()
    assert score.startswith("*/5 * * * * /")
    assert score.endswith(f" score {detector} --home {tmp_path / 'home'}")
    assert train.startswith("0 3 * * 0 /")
    assert scoreback("validate", detector, "--crontab", "--json").json[0]["crontab"] == [
        score,
        train,
    ]


def test_loading_twice_loads_once(scoreback: Run, export: Path) -> None:
    first = scoreback("load", export, "--stream", "tiny", "--json")
    assert first.code == 0, first.err
    assert first.json[0]["loaded"] == 192
    again = scoreback("load", export, "--stream", "tiny", "--json")
    assert again.json[0]["already_there"] == 192


def test_rejected_rows_end_with_code_3_and_lose_no_other_row(scoreback: Run, export: Path) -> None:
    export.write_text(export.read_text() + "yesterday,h1,r1,1,ok\n")
    ended = scoreback("load", export, "--stream", "tiny")
    assert ended.code == 3
    assert "192 of 193 rows loaded" in ended.out
    assert "yesterday" in ended.out


def test_a_missing_time_column_names_those_there_are(scoreback: Run, export: Path) -> None:
    ended = scoreback("load", export, "--stream", "tiny", "--time", "when")
    assert ended.code == 1
    assert "when" in ended.err
    assert "host.name" in ended.err


def test_a_field_that_no_event_has_is_named(scoreback: Run, export: Path, detector: Path) -> None:
    scoreback("load", export, "--stream", "tiny")
    detector.write_text(DETECTOR.replace("number: size", "number: sizes"))
    ended = scoreback("train", detector, "--as-of", "2026-01-09")
    assert ended.code == 1
    assert "sizes" in ended.err


def test_check_finds_what_is_missing(scoreback: Run, export: Path, detector: Path) -> None:
    assert scoreback("check", detector).code == 3
    scoreback("load", export, "--stream", "tiny")
    ended = scoreback("check", detector)
    assert ended.code == 0, ended.out


def test_check_says_which_window_has_more_keys_than_fit(
    scoreback: Run, export: Path, detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoreback("load", export, "--stream", "tiny")
    text = detector.read_text().replace(
        "{number: size}", "{count: events, by: [host.name, size], over: 7d}"
    )
    detector.write_text(text)
    assert scoreback("check", detector).code == 0
    monkeypatch.setattr("scoreback.service.detectors.check_job.MAX_KEYS", 20)
    ended = scoreback("check", detector, "--json")
    assert ended.code == 3
    assert "keys of host.name, size within 7d do not fit" in ended.out
    assert "about" in ended.out


def test_a_training_with_one_class_only_is_refused_with_the_numbers(
    scoreback: Run, export: Path, detector: Path
) -> None:
    scoreback("load", export, "--stream", "tiny")
    ended = scoreback("train", detector, "--as-of", "2026-01-09")
    assert ended.code == 1
    assert "192" in ended.err


def test_scoring_before_training_says_what_to_do(
    scoreback: Run, export: Path, detector: Path
) -> None:
    scoreback("load", export, "--stream", "tiny")
    ended = scoreback("score", detector)
    assert ended.code == 1
    assert "scoreback train" in ended.err


def test_an_unknown_version_or_alert_or_verdict_is_an_error(scoreback: Run, detector: Path) -> None:
    assert scoreback("promote", detector, "v9-nothing").code == 1
    assert scoreback("rollback", detector).code == 1
    assert "not a verdict" in scoreback("verdict", "a1", "maybe").err
    assert scoreback("verdict", "a1", "false_positive").code == 1


def test_the_module_is_the_same_command() -> None:
    command = [sys.executable, "-m", "scoreback", "--version"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("scoreback ")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--since", "2026-02-01", "--until", "2026-01-01"], "--since must be before --until"),
        (["--since", "2026-01-01", "--every", "5h"], "--every '5h' is not a time span"),
        (["--since", "2026-01-01", "--fail-below", "accuracy=0.9"], "must be a figure and"),
        (["--since", "2026-01-01", "--fail-below", "precision=30"], "must be a figure and"),
    ],
)
def test_a_backtest_that_cannot_be_is_wrong_usage(
    scoreback: Run, detector: Path, options: list[str], says: str
) -> None:
    ended = scoreback("backtest", detector, *options)
    assert ended.code == 2
    assert says in ended.err


def test_a_backtest_without_events_says_so(scoreback: Run, export: Path, detector: Path) -> None:
    scoreback("load", export, "--stream", "tiny")
    ended = scoreback("backtest", detector, "--since", "2025-01-01", "--until", "2025-01-20")
    assert ended.code == 1
    assert "no event between" in ended.err


def test_a_backtest_fails_below_what_is_asked_where_no_version_was_kept(
    scoreback: Run, export: Path, detector: Path, tmp_path: Path
) -> None:
    scoreback("load", export, "--stream", "tiny")
    window = ("--since", "2026-01-05", "--until", "2026-01-08", "--starts", "1")
    asked = ("--fail-below", "precision=0.1", "--fail-below", "aut=0.2")
    more = (*asked, "--junit", tmp_path / "out.xml", "--json")
    ended = scoreback("backtest", detector, *window, *more)
    assert ended.code == 3
    found = ended.json
    assert "positive" in found["versions"][0]["refused"]
    assert [day["version"] for day in found["days"]] == [None] * 3
    assert found["missed"] == {
        "precision": "precision is unknown, as there was no alert; the minimum is 0.1",
        "aut": "aut is unknown, as there was no alert; the minimum is 0.2",
    }
    assert 'failures="2"' in (tmp_path / "out.xml").read_text()
    shown = scoreback("backtest", detector, *window, "--out", tmp_path / "page.html")
    assert shown.code == 0
    assert "not kept because" in shown.out
    assert "No version was kept, so nothing was scored" in shown.out
    assert "--starts 3" not in shown.out
    assert "replayed" in (tmp_path / "page.html").read_text()


def test_a_damaged_state_is_an_error_that_names_the_file(
    scoreback: Run, export: Path, detector: Path, tmp_path: Path
) -> None:
    scoreback("load", export, "--stream", "tiny")
    assert scoreback("versions", detector).code == 0
    state = tmp_path / "home" / "state" / "state.sqlite"
    state.write_bytes(b"not a database, and long enough to be looked at" * 50)
    for leftover in state.parent.glob("state.sqlite-*"):
        leftover.unlink()
    ended = scoreback("versions", detector)
    assert ended.code == 1
    assert "state.sqlite" in ended.err


def test_a_home_that_is_a_file_is_an_error(scoreback: Run, detector: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    ended = scoreback("versions", detector, "--home", tmp_path / "plain")
    assert ended.code == 1
    assert "plain" in ended.err


def test_the_demo_does_not_write_into_a_folder_in_use(scoreback: Run, export: Path) -> None:
    ended = scoreback("demo", "--home", export.parent)
    assert ended.code == 1
    assert "not empty" in ended.err


def test_a_report_needs_a_version(scoreback: Run, detector: Path, tmp_path: Path) -> None:
    ended = scoreback("report", detector, "--out", tmp_path / "report.html")
    assert ended.code == 1
    assert "no version yet" in ended.err
    assert not (tmp_path / "report.html").exists()


def test_settings_are_set_listed_and_removed(scoreback: Run, detector: Path) -> None:
    budget = ("alerts.budget", "40/day", "--reason", "two more analysts")
    said = scoreback("settings", "set", detector, *budget)
    assert said.code == 0, said.err
    assert "5/day until now, 40/day from now on" in said.out
    told = scoreback("settings", "list", detector, "--json").json
    assert told["in_force"]["alerts.budget"] == "40/day"
    assert told["overrides"][0]["reason"] == "two more analysts"
    by = scoreback("settings", "set", detector, *budget, "--by", "ann of the SOC")
    assert by.code == 0, by.err
    told = scoreback("settings", "list", detector, "--json").json
    assert [one["author"] for one in told["overrides"]] == ["ann of the SOC"]
    assert "two more analysts" in scoreback("settings", "list", detector).out
    refused = scoreback("settings", "set", detector, "alerts.budget", "many")
    assert refused.code == 1
    assert "is not a number a day" in refused.err
    assert scoreback("settings", "remove", detector, "alerts.budget", "--by", "bob").code == 0
    assert scoreback("settings", "list", detector, "--json").json["overrides"] == []
