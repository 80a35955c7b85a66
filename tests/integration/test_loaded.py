"""What was loaded: listed, and taken out again."""

import json
import shutil
from pathlib import Path

import pytest

from scoreback.connectors.local.storage import compaction
from tests.integration.command import Run, runner

ROW = "{id},2026-01-{day:02}T00:00:00Z,h{day},{kind}\n"


@pytest.fixture
def scoreback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setenv("SCOREBACK_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return runner(monkeypatch, capsys)


def export(name: str, days: range, kind: str = "") -> Path:
    path = Path(name)
    rows = [ROW.format(id=f"e{day}", day=day, kind=kind) for day in days]
    path.write_text("id,@timestamp,host,kind\n" + "".join(rows))
    return path


def load(scoreback: Run, *files: Path) -> None:
    assert scoreback("load", *files, "--stream", "s", "--id", "id").code == 0


def rows(scoreback: Run) -> int:
    return sum(stream["rows"] for stream in json.loads(scoreback("streams", "--json").out))


def test_streams_tell_rows_times_files_and_fields_with_an_example(scoreback: Run) -> None:
    load(scoreback, export("a.csv", range(1, 4)), export("b.csv", range(3, 6), "odd"))
    (stream,) = json.loads(scoreback("streams", "--json").out)
    assert (stream["name"], stream["rows"]) == ("s", 5)
    assert stream["event_times"] == {"first": "2026-01-01T00:00:00Z",
                                     "last": "2026-01-05T00:00:00Z"}  # fmt: skip
    assert [each["name"] for each in stream["exports"]] == ["a.csv", "b.csv"]
    fields = {each["name"]: each for each in stream["fields"]}
    assert (fields["host"]["filled"], fields["host"]["example"]) == (5, "h1")
    assert (fields["kind"]["filled"], fields["kind"]["example"]) == (2, "odd")
    shown = scoreback("streams", "s").out
    assert "s: 5 events, from 2026-01-01 00:00:00 to 2026-01-05 00:00:00 UTC" in shown
    assert "a.csv (" in shown


def test_streams_of_an_empty_workspace_and_of_an_unknown_name(scoreback: Run) -> None:
    assert "nothing has been loaded" in scoreback("streams").out
    refused = scoreback("streams", "t")
    assert refused.code == 1
    assert "no stream is called 't'" in refused.err


@pytest.mark.parametrize("named", ["the file", "its name", "its checksum"])
def test_a_load_is_taken_back_whole_and_can_be_loaded_again(scoreback: Run, named: str) -> None:
    first, second = export("a.csv", range(1, 4)), export("b.csv", range(3, 6))
    load(scoreback, first, second)
    (stream,) = json.loads(scoreback("streams", "--json").out)
    sha = next(each["sha256"] for each in stream["exports"] if each["name"] == "a.csv")
    if named != "the file":
        first.rename("moved.csv")
    gone = scoreback("unload", sha[:8] if named == "its checksum" else "a.csv", "--stream", "s")
    assert gone.code == 0, gone.err
    assert "a.csv: 3 events removed from s; 2 stay" in gone.out
    assert rows(scoreback) == 2
    assert scoreback("unload", "a.csv", "--stream", "s").code == 1
    load(scoreback, export("a.csv", range(1, 4)))
    assert rows(scoreback) == 5
    files = [*Path("home/siem/events").rglob("*.parquet")]
    assert len(files) == 2


def test_an_unknown_stream_or_export_is_refused_with_those_there_are(scoreback: Run) -> None:
    load(scoreback, export("a.csv", range(1, 4)))
    refused = scoreback("unload", "b.csv", "--stream", "s")
    assert refused.code == 1
    assert "its exports are: a.csv (" in refused.err
    assert "streams that exist: s" in scoreback("unload", "a.csv", "--stream", "t").err


def test_two_exports_of_one_name_are_told_apart_by_checksum(scoreback: Run) -> None:
    load(scoreback, export("a.csv", range(1, 4)))
    load(scoreback, export("a.csv", range(4, 6)))
    shutil.move("a.csv", "away.csv")
    refused = scoreback("unload", "a.csv", "--stream", "s")
    assert refused.code == 1
    assert "2 exports in stream 's' have the name 'a.csv'" in refused.err
    assert rows(scoreback) == 5


def test_merged_exports_are_taken_back_together_or_not_at_all(
    scoreback: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "MERGE_AT", 2)
    load(scoreback, export("a.csv", range(1, 4)), export("b.csv", range(4, 6)))
    refused = scoreback("unload", "a.csv", "--stream", "s")
    assert refused.code == 1
    assert "were merged with those of b.csv" in refused.err
    assert rows(scoreback) == 5
    assert scoreback("unload", "a.csv", "b.csv", "--stream", "s").code == 0
    assert rows(scoreback) == 0


def test_while_somebody_reads_nothing_is_taken_out(
    scoreback: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from scoreback.connectors.local.storage.store import Store

    load(scoreback, export("a.csv", range(1, 4)))
    monkeypatch.setattr(compaction, "_PAUSE", 0)
    with compaction.kept_while_read(Store(tmp_path / "home/siem")):
        refused = scoreback("unload", "a.csv", "--stream", "s")
    assert refused.code == 1
    assert "another process is reading events" in refused.err
    assert rows(scoreback) == 3
