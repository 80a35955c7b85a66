"""Several detectors scored by one command and by one job of the service."""

import json
import logging
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.connectors.doors import Slice
from scoreback.connectors.local.events import Events
from scoreback.records import EventBatch
from scoreback.service.app import opened
from scoreback.service.serving.detector_watch import DetectorWatch
from scoreback.service.serving.jobs import Jobs
from scoreback.service.serving.kinds import KINDS
from scoreback.service.serving.schedule import planned
from scoreback.service.settings import Settings
from scoreback.service.state.runs import runs
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop
from tests.integration.alike import DAY, END, FILES, TRAINED, text_of
from tests.integration.command import Run, runner


@pytest.fixture
def home(alike: Path, tmp_path: Path) -> Path:
    made = tmp_path / "home"
    shutil.copytree(alike, made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "detectors"
    made.mkdir()
    for name in FILES:
        (made / f"{name}.yml").write_text(text_of(name))
    return made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Slice]:
    """What is read of the embedded SIEM from here on."""
    found: list[Slice] = []
    real = Events.read

    def read(door: Events, piece: Slice) -> Iterator[EventBatch]:
        found.append(piece)
        return real(door, piece)

    monkeypatch.setattr(Events, "read", read)
    return found


@pytest.fixture
def score(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    run = runner(monkeypatch, capsys)
    return lambda *arguments: run("score", *arguments, "--home", home)


def test_one_command_scores_several_detectors_with_one_read_and_a_row_each(
    score: Run, folder: Path, reads: list[Slice]
) -> None:
    code, out, err = score(folder, "--until", (TRAINED + DAY).isoformat())
    assert (code, err) == (0, "")
    assert all(re.search(rf"\b{name}\b", out) for name in FILES)
    reads.clear()
    files = [folder / f"{name}.yml" for name in FILES]
    code, out, err = score(*files, "--until", END.isoformat(), "--json")
    assert (code, err, len(reads)) == (0, "", 1)
    rows = json.loads(out)
    assert [row["detector"] for row in rows] == list(FILES)
    assert all(row["read"] > 300 and row["stored"] > 100 for row in rows)
    assert "error" not in rows[0]
    code, out, _ = score(files[0], "--until", END.isoformat(), "--json")
    assert json.loads(out)["detector"] == "plain"  # one alone is one object, as ever


def test_a_detector_that_cannot_be_scored_is_named_and_the_others_are_scored(
    score: Run, folder: Path
) -> None:
    new = folder / "a_new.yml"
    new.write_text(text_of("plain").replace("name: plain", "name: newcomer"))
    code, out, err = score(folder, "--until", END.isoformat(), "--json")
    rows = {row["detector"]: row for row in json.loads(out)}
    assert code == 3
    assert "no version that scores" in rows["newcomer"]["error"]
    assert f"scoreback train {new}" in rows["newcomer"]["hint"]
    assert rows["plain"]["scored"] > 300
    assert "newcomer: " in err
    second = folder / "b_new.yml"
    second.write_text(new.read_text().replace("newcomer", "another"))
    code, _, err = score(new, second, "--until", END.isoformat())
    assert code == 1
    assert "newcomer" in err
    assert "another" in err


def test_two_files_of_one_name_are_left_out_and_the_others_are_scored(
    score: Run, folder: Path
) -> None:
    (folder / "copy.yml").write_text(text_of("plain"))
    code, out, err = score(folder)
    assert code == 3
    assert "both describe" in err
    assert "slow" in out
    assert "plain" not in out


def test_the_service_scores_them_in_one_job_with_one_read_once_those_behind_have_caught_up(
    home: Path, folder: Path, reads: list[Slice], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scoreback")
    settings, now = Settings(home=home), TRAINED + DAY
    served = DetectorWatch([folder]).look()
    (names,) = (
        plan.names
        for plan in planned((one.detector for one in served.values()), "local").values()
        if plan.kind is KINDS["score"]
    )
    assert set(names) == set(FILES)
    with State.open(settings.state) as state:
        jobs, apart = Jobs(settings, state, Stop(), lambda: now), list[str]()
        jobs.apart = lambda kind, name: apart.append(f"{kind} {name}")
        jobs.serve(served)
        jobs.run("score", *names)
        # Their windows reach back; none waits for them.
        assert apart == ["score grouped", "score slow"]
        assert said(caplog) == ["plain"]
        for name in ("grouped", "slow"):
            jobs.run("score", name)
        assert said(caplog) == ["grouped", "slow"]
        now += timedelta(minutes=40)
        jobs.run("score", "plain")
        now += timedelta(minutes=40)
        reads.clear()
        caplog.clear()
        jobs.run("score", *names)  # a little ahead, a little behind: read at once, end alike
        assert len(reads) == 2
        assert said(caplog) == list(names)
        reads.clear()
        now = END
        jobs.run("score", *names)
        assert apart == ["score grouped", "score slow"]
        assert len(reads) == 1
        assert said(caplog) == list(names)
    with opened(settings) as app:
        for name in names:
            assert {run.status for run in runs(app.state, name, kind="score")} == {"done"}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The detectors that a line says were scored."""
    lines = [record for record in caplog.records if "above the threshold" in record.getMessage()]
    caplog.clear()
    return [record.detector for record in lines]  # type: ignore[attr-defined]
