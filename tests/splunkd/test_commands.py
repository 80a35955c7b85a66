"""Custom commands of installed apps, judged by the SDK's own implementation of the protocol."""

import json
from pathlib import Path

import pytest

from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator
from tests.splunkd.spl import engine
from tests.splunkd.spl.values import CommandFailed, SearchRefused
from tests.splunkd.test_sdk import connected, exported

_COMMAND = """
import sys
from splunklib.searchcommands import Configuration, Option, StreamingCommand, dispatch, validators

@Configuration(distributed=False)
class Doubled(StreamingCommand):
    field = Option(require=True)
    times = Option(default=2, validate=validators.Integer(minimum=1))

    def stream(self, records):
        for record in records:
            if record[self.field] == "boom":
                raise ValueError("a value that no number is")
            record["doubled"] = str(int(record[self.field]) * self.times)
            record["both"] = [record[self.field], record["doubled"]]
            record["app"] = self.metadata.searchinfo.app
            yield record

dispatch(Doubled, sys.argv, sys.stdin, sys.stdout, __name__)
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An app with one command, written with Splunk's SDK."""
    (tmp_path / "default").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "default" / "app.conf").write_text("[package]\nid = sums\n")
    stanza = "[doubled]\nfilename = doubled.py\nchunked = true\n"
    (tmp_path / "default" / "commands.conf").write_text(stanza)
    (tmp_path / "bin" / "doubled.py").write_text(_COMMAND)
    return tmp_path


def rows(simulator: Simulator, search: str) -> list[engine.Shown]:
    """The rows of a search, without the port between."""
    return list(engine.start(simulator.head, search).shown())


def test_a_command_changes_every_row(app: Path) -> None:
    with running(Options(apps=(app,))) as simulator:
        simulator.add_events({"raw": {"n": n, "t": ["x$", "y;"]}, "time": n} for n in range(3))
        search = "search index=main | table n t{} | doubled field=n times=3 | where doubled>0"
        assert exported(connected(simulator), search) == [
            {"n": str(n), "t{}": ["x$", "y;"], "app": "search", "both": [str(n), str(3 * n)],
             "doubled": str(3 * n)}
            for n in (2, 1)
        ]  # fmt: skip


def test_rows_come_in_chunks_and_in_order(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.splunkd.spl.external.CHUNK", 7)
    with running(Options(apps=(app,))) as simulator:
        simulator.add_events({"raw": {"n": n}, "time": n} for n in range(23))
        found = rows(simulator, "search index=main | table n | doubled field=n | table doubled")
        assert found == [{"doubled": str(2 * n)} for n in reversed(range(23))]


def test_wrong_arguments_are_refused_before_any_row(app: Path) -> None:
    with (
        running(Options(apps=(app,))) as simulator,
        pytest.raises(SearchRefused, match="times"),
    ):
        rows(simulator, "search index=main | doubled field=n times=no")


def test_a_command_that_fails_says_so(app: Path) -> None:
    with running(Options(apps=(app,))) as simulator:
        simulator.add_events([{"raw": {"n": "boom"}}])
        with pytest.raises(CommandFailed, match="a value that no number is"):
            rows(simulator, "search index=main | doubled field=n")


def test_without_rows_a_command_ends_too(app: Path) -> None:
    with running(Options(apps=(app,))) as simulator:
        assert rows(simulator, "search index=main | doubled field=n") == []
        assert json.dumps(rows(simulator, "search index=main | doubled field=n | stats count")) == (
            '[{"count": "0"}]'
        )
