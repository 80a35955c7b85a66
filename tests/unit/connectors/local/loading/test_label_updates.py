"""Labels that are filled in later: loading again brings them to events, which never change."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.doors import LoadMapping, LoadReport
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import SiemRefused
from tests.unit.connectors.local.loading.test_load import fields, rows

ROWS = 322
AT = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = dict.fromkeys(range(0, 60, 3), "benign")
SECOND = FIRST | dict.fromkeys((0, 3, 6, *range(100, 218)), "attack")
LABEL = {"stream": "s"}


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


def events(labels: Mapping[int, str], *, closed: bool = False) -> list[dict[str, str]]:
    found = []
    for n in range(ROWS):
        event = {"time": f"2026-02-16T10:{n // 60:02}:{n % 60:02}Z", "host": f"ws-{n}"}
        event["outcome"] = labels.get(n, "")
        if closed:
            event["closed_at"] = f"2026-02-17T10:{n // 60:02}:{n % 60:02}Z" if n in labels else ""
        found.append(event)
    return found


def written(path: Path, found: list[dict[str, str]]) -> Path:
    if path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
        path.write_text(text.getvalue())
    elif path.suffix == ".ndjson":
        whole = ({k: v for k, v in event.items() if v} for event in found)
        path.write_text("".join(json.dumps(event) + "\n" for event in whole))
    else:
        pq.write_table(
            pa.Table.from_pylist([{k: v or None for k, v in e.items()} for e in found]), path
        )
    return path


def load(
    siem: LocalConnector,
    path: Path,
    id_column: str | None,
    at: datetime = AT,
    labels: tuple[str, ...] = (),
) -> LoadReport:
    mapping = LoadMapping(time="time", id=id_column, labels=labels)
    return load_file(siem.store, path, "s", mapping, at=at)


def told(siem: LocalConnector, *names: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = siem.events.later_values(LABEL, names).to_pylist()
    return found


@pytest.mark.parametrize("closed", [False, True], ids=["label", "label and time"])
@pytest.mark.parametrize("id_column", ["host", None], ids=["id", "content"])
@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_labels_filled_in_since_are_new_or_changed_and_no_event_is_added(
    siem: LocalConnector, tmp_path: Path, kind: str, id_column: str | None, closed: bool
) -> None:
    assert load(siem, written(tmp_path / f"a.{kind}", events(FIRST)), id_column).loaded == ROWS
    before = rows(siem, "host", "outcome")
    again = written(tmp_path / f"b.{kind}", events(SECOND, closed=closed))
    report = load(siem, again, id_column)
    assert (report.loaded, report.already_there) == (0, ROWS)
    assert {name: (u.new, u.changed) for name, u in report.labels.items()} == {"outcome": (118, 3)}
    assert rows(siem, "host", "outcome") == before
    found = told(siem, "outcome", "closed_at")
    assert len(found) == 121
    assert {row["outcome"] for row in found} == {"attack"}
    assert {row["known_at"] for row in found} == {AT}
    assert all(bool(row["closed_at"]) is closed for row in found)
    assert "outcome" in siem.events.fields(LABEL)


def test_the_same_labels_again_change_nothing_and_an_older_file_takes_none_back(
    siem: LocalConnector, tmp_path: Path
) -> None:
    old = written(tmp_path / "a.csv", events(FIRST))
    new = written(tmp_path / "b.csv", events(SECOND))
    load(siem, old, "host")
    load(siem, new, "host")
    for path in (new, old):
        assert load(siem, path, "host", AT + timedelta(days=1)).labels == {}
    assert len(told(siem, "outcome")) == 121


def test_a_label_that_changes_again_is_told_once_more_with_its_own_time(
    siem: LocalConnector, tmp_path: Path
) -> None:
    load(siem, written(tmp_path / "a.csv", events({})), None)
    load(siem, written(tmp_path / "b.csv", events({5: "attack"})), None)
    later = AT + timedelta(days=3)
    report = load(siem, written(tmp_path / "c.csv", events({5: "benign"})), None, later)
    assert report.labels["outcome"].changed == 1
    assert [(row["known_at"], row["outcome"]) for row in told(siem, "outcome")] == [
        (AT, "attack"),
        (later, "benign"),
    ]


def test_columns_of_many_values_are_no_labels_unless_somebody_says_so(
    siem: LocalConnector, tmp_path: Path
) -> None:
    load(
        siem,
        written(tmp_path / "a.csv", [{**e, "row": str(n)} for n, e in enumerate(events({}))]),
        "host",
    )
    moved = [{**e, "row": str(n + 1)} for n, e in enumerate(events({}))]
    path = written(tmp_path / "b.csv", moved)
    report = load(siem, path, "host")
    assert (report.labels, report.other_values) == ({}, {"row": ROWS})
    assert told(siem, "row") == []
    report = load(siem, path, "host", labels=("row",))
    assert report.labels["row"].changed == ROWS


def test_new_events_that_resemble_old_ones_are_loaded_beside_their_labels(
    siem: LocalConnector, tmp_path: Path
) -> None:
    load(siem, written(tmp_path / "a.csv", events({})), None)
    found = [*events(dict.fromkeys(range(50), "attack")),
             {"time": "2026-02-18T10:00:00Z", "host": "ws-new", "outcome": "attack"}]  # fmt: skip
    report = load(siem, written(tmp_path / "b.csv", found), None)
    assert (report.loaded, report.already_there) == (1, ROWS)
    assert report.labels["outcome"].new == 50
    assert fields(siem, "outcome").count("attack") == 1


def test_without_a_clock_labels_are_left_out(siem: LocalConnector, tmp_path: Path) -> None:
    load(siem, written(tmp_path / "a.csv", events({})), "host")
    path = written(tmp_path / "b.csv", events(SECOND))
    report = load_file(siem.store, path, "s", LoadMapping(time="time", id="host"))
    assert (report.already_there, report.labels) == (ROWS, {})


def test_taking_events_out_forgets_their_labels_and_labels_alone_are_not_taken_out(
    siem: LocalConnector, tmp_path: Path
) -> None:
    first = written(tmp_path / "a.csv", events({}))
    load(siem, first, "host")
    load(siem, written(tmp_path / "b.csv", events(SECOND)), "host")
    with pytest.raises(SiemRefused) as refused:
        siem.exports.unload("s", ["b.csv"])
    assert "only added labels" in refused.value.hint
    siem.exports.unload("s", ["a.csv"])
    load(siem, first, "host")
    assert told(siem, "outcome") == []


def test_an_event_that_differs_in_one_value_is_one_of_its_own(
    siem: LocalConnector, tmp_path: Path
) -> None:
    time = "2026-02-16T10:00:00Z"
    load(siem, written(tmp_path / "a.csv", [{"time": time, "host": "a", "port": "22"}]), None)
    other = written(tmp_path / "b.csv", [{"time": time, "host": "a", "port": "23"}])
    assert load(siem, other, None).loaded == 1
