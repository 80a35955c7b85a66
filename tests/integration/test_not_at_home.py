"""A detector on events unlike those it learnt from says so at once; on its own it says nothing."""

import json
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from scoreback.models.detector.file import parse_detector
from scoreback.records import EventBatch
from scoreback.service.app import opened
from scoreback.service.cli import app as command_line
from scoreback.service.scoring import cutter
from scoreback.service.settings import Settings
from scoreback.service.state.runs import runs
from scoreback.service.state.scored_counts import summed
from tests.integration.alike import END, TRAINED, events, text_of, together
from tests.integration.embedded import siem_of

ELSEWHERE = text_of("plain").replace("stream: alerts", "stream: elsewhere")


def foreign() -> EventBatch:
    """Events of another network: other hosts, other rules, other numbers."""
    table = pa.Table.from_batches([events().batch])
    changed = {
        "host.name": pc.binary_join_element_wise("far", table["host.name"], "-"),
        "rule.id": pc.binary_join_element_wise("far", table["rule.id"], "-"),
        "network.bytes": pc.binary_join_element_wise("9", table["network.bytes"], ""),
    }
    for name, column in changed.items():
        table = table.set_column(table.column_names.index(name), name, column)
    return EventBatch(table.combine_chunks().to_batches()[0])


def test_on_its_own_network_nothing_is_said(home: Path) -> None:
    detector = parse_detector(text_of("plain"))
    with opened(Settings(home=home)) as app:
        run = together(app, [detector], END)["plain"]
    assert run.outcome.error is None
    assert [one.rows > 100 for one in run.outcome.homes.values()] == [True]
    assert run.outcome.not_at_home == {}


def test_on_another_network_the_first_hours_say_so_with_exit_code_3(
    home: Path, tmp_path: Path
) -> None:
    with opened(Settings(home=home)) as app:
        siem_of(app).intake.add_events("elsewhere", foreign())
    file = tmp_path / "plain.yml"
    file.write_text(ELSEWHERE)
    until = (TRAINED + timedelta(hours=12)).isoformat()
    arguments = ["score", str(file), "--until", until, "--home", str(home)]
    done = CliRunner().invoke(command_line, [*arguments, "--json"])
    assert done.exit_code == 3
    (reasons,) = json.loads(done.stdout)["not_at_home"].values()
    assert any("far from training" in reason for reason in reasons)
    assert any("entity that training never saw" in reason for reason in reasons)
    assert "is not at home here" in done.stderr


def test_counts_of_many_steps_and_runs_are_those_of_one(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = parse_detector(text_of("plain"))
    with opened(Settings(home=home)) as app:
        monkeypatch.setattr(cutter, "STEP_ROWS", 50)
        for hours in (5, 30, 72):
            together(app, [detector], TRAINED + timedelta(hours=hours))
        scored = sum(one.counts["scored"] for one in runs(app.state, "plain", kind="score"))
        with app.state.database.reads() as reading:
            rows = reading.exec_driver_sql("SELECT counts FROM scored_counts").scalars().all()
    total = summed([json.loads(row) for row in rows])
    assert {name: sum(bins) for name, bins in total.items()} == dict.fromkeys(total, scored)
    assert len(rows) == 3
