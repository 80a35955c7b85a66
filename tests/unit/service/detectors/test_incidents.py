from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.errors import ConfigError, DataError
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset, known_at
from scoreback.models.labels.joins import event_labels
from scoreback.records import TIME
from scoreback.service.detectors.incidents import incident_labels

HEADER = "entity,from,to,verdict,known\n"

DETECTOR = Detector.model_validate(
    {
        "name": "lab",
        "events": {"local": {"stream": "alerts"}},
        "entity": "host.name",
        "labels": {"incidents": "incidents.csv", "mature_after": "0s"},
        "features": [{"kind": "number", "field": "x", "name": "x"}],
        "alerts": {"budget": "5/day"},
    }
)


def written(folder: Path, text: str) -> Path:
    path = folder / "incidents.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_incident_is_known_when_it_ended_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    text = (
        "verdict,entity,from,to,known\n"
        "true positive,ws-1,2026-03-01T10:00:00+02:00,2026-03-02,\n"
        'benign_positive," ws-2 ",2026-03-01,2026-03-02,2026-03-05T06:00\n'
        "true_positive,ws-3,2026-03-01,,2026-03-04\n"
    )
    rows = incident_labels(written(tmp_path, text)).to_pylist()
    assert [(r["entity"], r["verdict"]) for r in rows] == [
        ("ws-1", "true_positive"), ("ws-2", "benign_positive"), ("ws-3", "true_positive"),
    ]  # fmt: skip
    assert rows[0]["since"] == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert rows[2]["until"] is None
    assert [r["label_time"] for r in rows] == [
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 5, 6, tzinfo=UTC),
        datetime(2026, 3, 4, tzinfo=UTC),
    ]
    assert {r["event_id"] for r in rows} == {None}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("entity,from,verdict\n", "no column 'to'"),
        ("", "no column 'entity'"),
        (HEADER + "a,2026-03-01,2026-03-02,attack,\n", ":2: 'attack' is not a verdict; use one of"),
        (HEADER + ",2026-03-01,2026-03-02,true_positive,\n", ":2: it names no entity"),
        (HEADER + "a,yesterday,2026-03-02,true_positive,\n", ":2: 'yesterday' in 'from'"),
        (HEADER + "a,,2026-03-02,true_positive,\n", "no time in 'from'"),
        (HEADER + "a,2026-03-02,2026-03-01,true_positive,\n", "not after its beginning"),
        (HEADER + "a,2026-03-02,,true_positive,\n", "since when it is known"),
        (HEADER + "a,2026-03-02\n", "since when|verdict ''|known"),
        ("entity;from;to;verdict\n", "no column 'entity'"),
        ("entity,entity,from,to,verdict\n", "more than one column 'entity'"),
        (HEADER + "a,b,2026-03-01,2026-03-02,true_positive,\n", ":2: 6 values in a row of 5"),
        (HEADER + "a,2026-03-01,20260230,true_positive,\n", ":2: '20260230' in 'to' is not a"),
        (HEADER + "a,0,2026-03-02,true_positive,\n", ":2: '0' in 'from' is not a valid time"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        incident_labels(written(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"incidents\.csv"):
        incident_labels(tmp_path / "incidents.csv")
    path = tmp_path / "incidents.csv"
    path.write_bytes(b"entity,from,to,verdict\n\xff\xfe,,,\n")
    with pytest.raises(DataError, match="not CSV text"):
        incident_labels(path)


def test_incidents_that_overlap_or_go_on_label_each_event_by_the_latest_word(
    tmp_path: Path,
) -> None:
    text = HEADER + (
        "a,2026-03-01T00:00,2026-03-01T04:00,true_positive,2026-03-02\n"
        "a,2026-03-01T02:00,2026-03-01T06:00,false_positive,2026-03-05\n"  # overlaps, known later
        "a,2026-03-01T08:00,,true_positive,2026-03-03\n"  # goes on
        "a,2026-03-01T09:00,2026-03-01T10:00,true_positive,2026-03-03\n"  # within it
    )
    hours = list(range(12))
    rows = pa.table(
        {
            "event_id": [f"e{hour}" for hour in hours],
            "event_time": pa.array([datetime(2026, 3, 1, h, tzinfo=UTC) for h in hours], TIME),
            "arrival_time": pa.array([datetime(2026, 3, 1, h, tzinfo=UTC) for h in hours], TIME),
            "entity": ["a"] * 12,
            "x": [1.0] * 12,
        }
    )
    data = Dataset.of(rows, DETECTOR)
    labels = event_labels(data, incident_labels(written(tmp_path, text)), DETECTOR)
    known = known_at(data, labels, DETECTOR, datetime(2026, 3, 9, tzinfo=UTC))
    assert known.truth.tolist() == [1, 1, 0, 0, 0, 0, -1, -1, 1, 1, 1, 1]
    earlier = known_at(data, labels, DETECTOR, datetime(2026, 3, 4, tzinfo=UTC))
    assert earlier.truth.tolist() == [1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    "form",
    ["2026-03-02 12:00:00", "20260302T120000Z", "03/02/2026 12:00:00.000 PM", "1772452800",
     "1772452800000", "02/Mar/2026:14:00:00 +0200"],
)  # fmt: skip
def test_times_are_read_in_every_form_that_exports_have(tmp_path: Path, form: str) -> None:
    text = f"{HEADER}a,2026-03-01,{form},true_positive,\n"
    (row,) = incident_labels(written(tmp_path, text)).to_pylist()
    assert row["until"] == row["label_time"] == datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_byte_order_mark_blank_lines_and_columns_for_people_are_no_trouble(
    tmp_path: Path,
) -> None:
    text = (
        "\ufeffentity, from,to,verdict,note\r\n\r\na,2026-03-01,2026-03-02,true_positive,x\r\n\r\n"
    )
    assert incident_labels(written(tmp_path, text)).num_rows == 1
