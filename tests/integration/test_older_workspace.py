"""A workspace of the first schema, with a batch in doubt: opened, it goes on where it was."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from scoreback.connectors.local import events as local_events
from scoreback.models.artifact.bins import BINS
from scoreback.models.detector.spec import Detector
from scoreback.models.features.state_files import unsealed
from scoreback.service.app import opened
from scoreback.service.scoring import cutter
from scoreback.service.settings import Settings
from scoreback.service.state import database
from scoreback.service.state.audit import audit_log
from scoreback.service.state.database import HEAD
from scoreback.service.state.runs import runs
from scoreback.service.state.versions import Versions
from tests.integration import killed_run
from tests.integration.test_exactly_once import SCORING, everything, killed, run

TABLES = ("versions", "promotions", "audit", "runs", "progress", "batches")
NEW_OF_PROGRESS = ("owed", "selection", "events")  # what the first schema did not know


@pytest.fixture(autouse=True)
def _several_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutter, "STEP_ROWS", killed_run.STEP_ROWS)
    monkeypatch.setattr(local_events, "BATCH_ROWS", killed_run.STEP_ROWS)


@pytest.mark.parametrize("point", ["begin", "write"])  # nothing of the batch is there, or all of it
def test_a_workspace_of_the_first_schema_goes_on_and_nothing_is_scored_twice(
    point: str, workspace: Path, file: Path, detector: Detector, end: datetime, tmp_path: Path
) -> None:
    for bins in workspace.rglob(BINS):  # artefacts had none
        bins.unlink()
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(workspace, undisturbed)
    run(undisturbed, file, end)
    killed(workspace, file, end, point, "after", SCORING)
    before = known(workspace, detector)
    assert before["batches"]
    assert before["windows"]
    age(workspace / "state")
    assert revision(workspace / "state") == "0001"
    after = known(workspace, detector)
    assert revision(workspace / "state") == HEAD
    assert after == before
    run(workspace, file, end)
    goes_on, whole = everything(workspace), everything(undisturbed)
    assert goes_on["counted"] == whole["counted"]
    assert goes_on["overlaps"] == []
    ids = [score["score_id"] for score in goes_on["scores"]]
    assert len(set(ids)) == len(ids)
    # Cuts are not the same: the first schema did not know what had alerted before.
    assert of_units(goes_on) == of_units(whole)
    events = [alert.event_id for alert in goes_on["alerts"]]
    assert len(set(events)) == len(events) > 0
    assert 0 < read_last(workspace, detector) < read_last(undisturbed, detector)
    with opened(Settings(home=workspace)) as app:
        assert not app.state.open_batches(detector.name)
        assert not list((app.state.outbox / detector.name).iterdir())


def of_units(found: dict[str, Any]) -> dict[str, float]:
    """The scores that are kept whatever the cut: those that alert nowhere."""
    return {s["score_id"]: s["score"] for s in found["scores"] if s["score"] < 0.2}


def known(home: Path, detector: Detector) -> dict[str, Any]:
    """What the state says, but for what the first schema did not know and names of files."""
    with opened(Settings(home=home)) as app:
        state, name = app.state, detector.name
        found = state.latest_progress(name)
        assert found is not None
        assert found.score_since < found.watermark
        return {
            "versions": Versions(state).list(name),
            "champion": Versions(state).champion(name),
            "audit": audit_log(state),
            "read": (found.plan_hash, found.watermark, found.score_since),
            "windows": [unsealed(one) for one in found.segments],
            "waiting": found.pending and unsealed(found.pending),
            "batches": [
                (b.batch_id, b.version, b.until, b.status) for b in state.open_batches(name)
            ],
        }


def read_last(home: Path, detector: Detector) -> int:
    """How many events the last run read."""
    with opened(Settings(home=home)) as app:
        return int(runs(app.state, detector.name, 1, kind="score")[0].counts["read"])


def age(state: Path) -> None:
    """Make of *state* what the first schema and its code would have written."""
    for path in (state / "windows").rglob("*.parquet"):  # files had no digests in their names
        path.rename(path.with_name(f"{unsealed(path.stem)}.parquet"))
    for path in (state / "outbox").rglob("*.arrow"):
        age_outbox(path)
    old = state / "old.sqlite"
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    engine = sa.create_engine(f"sqlite:///{old}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
    with closing(sqlite3.connect(old)) as copy, copy:
        copy.execute("ATTACH ? AS new", [str(state / "state.sqlite")])
        for table in TABLES:
            columns = ", ".join(row[1] for row in copy.execute(f"PRAGMA main.table_info({table})"))
            copy.execute(
                f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}"  # noqa: S608 - names of our own
            )
        for name, segments, pending in copy.execute(
            "SELECT plan_hash, segments, pending FROM main.progress"
        ).fetchall():
            files = json.dumps([unsealed(one) for one in json.loads(segments)])
            values = [files, pending and unsealed(pending), name]
            copy.execute(
                "UPDATE main.progress SET segments = ?, pending = ? WHERE plan_hash = ?", values
            )
        begun = "SELECT batch_id, next_state FROM main.batches WHERE status = 'begun'"
        for name, text in copy.execute(begun).fetchall():
            after = json.loads(text)
            after["segments"] = [unsealed(one) for one in after["segments"]]
            after["pending"] = after["pending"] and unsealed(after["pending"])
            for key in NEW_OF_PROGRESS:
                del after[key]
            values = [json.dumps(after), name]
            copy.execute("UPDATE main.batches SET next_state = ? WHERE batch_id = ?", values)
        copy.commit()
    for path in state.glob("state.sqlite*"):
        path.unlink()
    old.rename(state / "state.sqlite")


def age_outbox(path: Path) -> None:
    """Write the file anew as it was: one histogram without edges, and no digest at the end."""
    content = path.read_bytes()
    end = content.rindex(b"ARROW1") + len(b"ARROW1")
    table = pa.ipc.open_file(pa.BufferReader(content[:end])).read_all()
    (counted,) = json.loads(table.schema.metadata[b"histograms"])
    assert len(counted.pop("edges")) == 19
    about = {"histogram": json.dumps(counted), "enrichment": "none"}
    old = table.replace_schema_metadata(about)
    with path.open("wb") as file, pa.ipc.new_file(file, old.schema) as outbox:
        outbox.write_table(old)


def revision(state: Path) -> str:
    with closing(sqlite3.connect(state / "state.sqlite")) as file:
        (found,) = file.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found)
