"""Columns of Parquet that have no text, beside those that are wanted; and UUIDs."""

import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import DataError
from tests.unit.connectors.local.loading.test_load import TIME, fields

WANTED = LoadMapping(time="time", fields={"v": "v"})
OTHERS = {
    "map": pa.array([[("k", "a")], None], pa.map_(pa.string(), pa.string())),
    "map in a struct": pa.array([{"m": [("k", "a")]}, None],
                                pa.struct({"m": pa.map_(pa.string(), pa.string())})),
    "bytes": pa.array([b"\xff" * 16, b"\x00" * 16], pa.binary(16)),
    "list of bytes": pa.array([[b"\xff" * 4], []], pa.list_(pa.binary(4))),
}  # fmt: skip


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


def written(path: Path, **columns: pa.Array) -> Path:
    times = pa.array(["1642213952", "1642213953"])
    pq.write_table(pa.table({"time": times, "v": ["a", "b"], **columns}), path)
    return path


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_a_column_without_text_is_refused_by_its_name_and_the_remedy_loads(
    siem: LocalConnector, tmp_path: Path, other: pa.Array
) -> None:
    path = written(tmp_path / "a.parquet", other=other)
    with pytest.raises(
        DataError, match=r"column 'other[^']*' .* which cannot be written as text"
    ) as error:
        load_file(siem.store, path, "s", TIME)
    assert "--field" in error.value.hint
    assert load_file(siem.store, path, "s", WANTED).loaded == 2
    assert fields(siem, "v") == ["a", "b"]


def test_uuids_and_lists_of_fixed_length_are_text(siem: LocalConnector, tmp_path: Path) -> None:
    ids = [uuid.UUID(int=7), None]
    path = written(
        tmp_path / "a.parquet",
        uuid=pa.array([one and one.bytes for one in ids], pa.uuid()),
        pair=pa.array([[1, 1], None], pa.list_(pa.int32(), 2)),
    )
    assert load_file(siem.store, path, "s", TIME).loaded == 2
    assert fields(siem, "uuid") == [str(ids[0]), None]
    assert fields(siem, "pair")[1] is None
