"""Columns that differ only in case are all loaded, under names that SQL can tell apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading.case_names import CaseNames
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import DataError
from tests.shared_data import DATA, require
from tests.unit.connectors.local.loading.test_load import fields, load, ndjson, siem

__all__ = ["siem"]

OTRF = DATA / "otrf-windows-events"
CASES = st.lists(st.sampled_from(["id", "ID", "Id", "iD", "Id_2", "ID_2", "id_3"]), max_size=9)


@given(CASES, CASES, CASES)
def test_names_differ_in_more_than_case_and_a_stream_keeps_its_names(
    first: list[str], second: list[str], third: list[str]
) -> None:
    there: set[str] = set()
    for columns in (first, second, third):
        names = CaseNames(there)
        found = {column: names.of(column) for column in columns}
        assert len({name.lower() for name in found.values()}) == len(found)
        assert names.renamed == {c: name for c, name in found.items() if c != name}
        again = CaseNames(there | set(found.values()))
        if len({c.lower() for c in columns}) == len(set(columns)):
            assert {column: again.of(column) for column in columns} == found
        there |= set(found.values())


def test_of_two_columns_the_first_keeps_its_name_and_both_are_loaded(
    siem: LocalConnector,
) -> None:
    folder = siem.store.folder.parent
    report = load(
        siem, folder / "a.ndjson",
        ndjson({"time": 1642213952, "PID": 4, "Pid": 8}, {"time": 1642213953, "Pid": 9}),
    )  # fmt: skip
    assert (report.loaded, report.renamed) == (2, {"Pid": "Pid_2"})
    assert fields(siem, "PID") == ["4", None]
    assert fields(siem, "Pid_2") == ["8", "9"]
    later = load(siem, folder / "b.ndjson", ndjson({"time": 1642213954, "Pid": 10}))
    assert later.renamed == {"Pid": "Pid_2"}
    assert fields(siem, "Pid_2") == ["8", "9", "10"]


def test_a_mapping_that_names_two_fields_alike_is_refused(siem: LocalConnector) -> None:
    mapping = LoadMapping(time="time", fields={"a": "x", "A": "y"})
    data = ndjson({"time": 1642213952, "x": 1, "y": 2})
    with pytest.raises(DataError, match="differ only in case"):
        load(siem, siem.store.folder.parent / "a.ndjson", data, mapping)


@pytest.mark.parametrize(
    ("name", "time", "rows"),
    [("cmd_sam_copy_esentutl_2020-10-1900290001.jsonl.gz", "TimeCreated", 915),
     ("cmd_sharpview_pcre_net_2020-10-2920232423.jsonl.gz", "@timestamp", 267)],
)  # fmt: skip
def test_windows_events_of_an_attack_load_whole(
    siem: LocalConnector, name: str, time: str, rows: int
) -> None:
    require(OTRF)
    report = load_file(siem.store, OTRF / name, "s", LoadMapping(time=time))
    assert (report.loaded, report.rejected) == (rows, 0)
    assert set(report.renamed.values()) <= {f"{column}_2" for column in report.renamed}
    for column, field in report.renamed.items():
        assert any(fields(siem, field)), column
