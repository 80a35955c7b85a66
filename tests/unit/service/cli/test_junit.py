"""JUnit XML as CI systems read it."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scoreback.errors import ConfigError
from scoreback.service.cli.junit import Case, as_junit, reported, write_junit

CASES = [
    Case(group="triage", name="fine", seconds=0.25, file="triage.yml"),
    Case(group="triage", name="wrong", failure="one <thing>\nanother", hint="look & see"),
    Case(group="triage", name="broken", error="no \x00model\x1b[31m"),
    Case(group="triage", name="later", skipped="left out"),
]


def test_totals_and_messages_are_there() -> None:
    suite = ET.fromstring(as_junit("test", CASES)).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    counted = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counted == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    wrong = suite.find("testcase[@name='wrong']/failure")
    assert wrong is not None
    assert wrong.get("message") == "one <thing>"
    assert wrong.text == "one <thing>\nanother\n  try: look & see"
    assert len(suite.findall("testcase[@name='fine']/*")) == 0


def test_what_xml_cannot_hold_is_replaced() -> None:
    root = ET.fromstring(as_junit("test", CASES))  # noqa: S314 - our own
    error = root.find(".//error")
    assert error is not None
    assert error.get("message") == "no �model�[31m"


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/out\.xml cannot be written"):
        write_junit(tmp_path / "file" / "out.xml", "test", CASES)
    write_junit(tmp_path / "new" / "out.xml", "test", CASES)
    assert (tmp_path / "new" / "out.xml").read_bytes() == as_junit("test", CASES)
    write_junit(None, "test", CASES)


def test_what_keeps_a_command_from_looking_is_an_error_in_the_results_and_raised_on(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.xml"
    with (
        pytest.raises(ConfigError, match="unknown key"),
        reported(out, "backtest", [Path("triage.yml")]),
    ):
        raise ConfigError("triage.yml:3: budgte: unknown key", hint="did you mean 'budget'?")
    case = ET.fromstring(out.read_bytes()).find(".//testcase")  # noqa: S314 - our own
    assert case is not None
    assert case.get("classname") == "triage.yml"
    assert "did you mean 'budget'?" in str(case.findtext("error"))
    (tmp_path / "file").write_text("")
    unwritable = tmp_path / "file" / "out.xml"
    with pytest.raises(ConfigError, match="unknown key"), reported(unwritable, "test", []):
        raise ConfigError("unknown key")
