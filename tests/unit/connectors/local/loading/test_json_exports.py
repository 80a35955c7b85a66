"""JSON as tools export it; the files are made here, in each tool's shape."""

import gzip
import io
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.connectors.doors import LoadMapping, LoadReport
from scoreback.connectors.local import LocalConnector
from scoreback.connectors.local.loading import json_text
from scoreback.connectors.local.loading.json_text import documents
from scoreback.connectors.local.loading.load import load_file
from scoreback.errors import ConfigError, DataError
from tests.unit.connectors.local.loading.test_load import fields, ndjson, reasons, rows

ROWS = 200
EVENTS = [
    {
        "@timestamp": f"2024-05-01T00:{i // 60:02}:{i % 60:02}Z",
        "host": {"name": f"ws-{i}"},
        "n": 1.10,
    }
    for i in range(ROWS)
]
HITS = [{"_index": "logs", "_id": f"id{i}", "_score": 1.0, "_source": e}
        for i, e in enumerate(EVENTS)]  # fmt: skip
ANSWER = {
    "took": 3, "timed_out": False, "_shards": {"total": 1},
    "hits": {"total": {"value": ROWS}, "max_score": 1.0, "hits": HITS},
    "aggregations": {"by": {"buckets": [{"key": "a", "doc_count": 2}]}},
}  # fmt: skip
RESULTS = [
    {"_time": e["@timestamp"], "host": "a", "_cd": f"0:{i}"} for i, e in enumerate(EVENTS)
]  # fmt: skip


@pytest.fixture
def siem(tmp_path: Path) -> LocalConnector:
    return LocalConnector.open("test", {"path": str(tmp_path / "siem")})


def load(siem: LocalConnector, path: Path, data: str | bytes, **mapping: str) -> LoadReport:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return load_file(siem.store, path, "s", LoadMapping(**mapping))  # type: ignore[arg-type]


def proposed(hint: str) -> dict[str, str]:
    """The options that an error proposes, as a user would type them."""
    options = hint.partition(";")[0]
    return {n: v.strip("'") for n, v in re.findall(r"--([\w-]+) ('[^']*'|[^ ,;]+)", options)}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(EVENTS),
        json.dumps(EVENTS, indent=2),
        "[\n" + ",\n".join(map(json.dumps, EVENTS)) + "\n]\n",
        "\n".join(json.dumps(e, indent=2) for e in EVENTS),
        "".join(map(json.dumps, EVENTS)),
        ndjson(*EVENTS),
        json.dumps(EVENTS, indent=2).replace("\n", "\r\n"),
        "".join(f"\x1e{json.dumps(e)}\n" for e in EVENTS),
    ],
    ids=["array", "pretty", "line each", "concatenated pretty", "concatenated", "lines", "CRLF",
         "record separators"],
)  # fmt: skip
@pytest.mark.parametrize("coded", ["utf-8", "utf-8-sig", "utf-16", "gzip", "zip"])
def test_documents_load_however_they_are_laid_out_and_packed(
    siem: LocalConnector, tmp_path: Path, text: str, coded: str
) -> None:
    report = load(siem, tmp_path / "events", packed(text, coded))
    assert (report.rows, report.loaded) == (ROWS, ROWS)
    assert set(fields(siem, "n")) == {"1.1"}
    assert sorted(map(str, fields(siem, "host.name"))) == sorted(f"ws-{i}" for i in range(ROWS))


def packed(text: str, how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(text.encode(), mtime=0)
    if how == "zip":
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("__MACOSX/._events.json", "x")
            archive.writestr("events.json", text)
        return file.getvalue()
    return text.encode(how)


WRAPPED = {
    "search": json.dumps(ANSWER),
    "search, pretty": json.dumps(ANSWER, indent=2),
    "search, page after page": json.dumps(ANSWER | {"hits": {"hits": HITS[:150]}})
    + "\n"
    + json.dumps(ANSWER | {"hits": {"hits": HITS[150:]}}),
    "async search": json.dumps({"id": "x", "response": ANSWER}),
    "elasticdump": ndjson(*HITS),
    "fields": json.dumps(
        {"hits": {"hits": [{"_id": h["_id"], "fields": h["_source"]} for h in HITS]}}
    ),
    "Splunk": ndjson(
        *({"preview": False, "offset": i, "result": r} for i, r in enumerate(RESULTS))
    ),
    "Splunk's answer": json.dumps(
        {
            "preview": False,
            "init_offset": 0,
            "messages": [],
            "fields": [{"name": "_time"}],
            "results": RESULTS,
        }
    ),
    "an unknown answer": json.dumps({"data": {"found": EVENTS}, "next": None}),
    "an unknown answer around hits": json.dumps({"data": ANSWER}, indent=1),
    "Defender's hunting": json.dumps(
        {
            "Stats": {"x": 1},
            "Schema": [{"Name": "Timestamp"}],
            "Results": [
                {"Timestamp": e["@timestamp"], "DeviceName": "a", "ReportId": i}
                for i, e in enumerate(EVENTS)
            ],
        }
    ),
    "CloudTrail": json.dumps(
        {"Records": [{"eventTime": e["@timestamp"], "eventID": i} for i, e in enumerate(EVENTS)]}
    ),
    "eve.json": ndjson(
        *(
            {
                "timestamp": str(e["@timestamp"]).replace("Z", ".123456+0000"),
                "flow_id": i,
                "event_type": "alert",
                "alert": {"signature_id": 1, "metadata": {"tag": ["a"]}},
            }
            for i, e in enumerate(EVENTS)
        )
    ),
    "Zeek": ndjson(
        *({"ts": 1714521600.25 + i, "uid": f"C{i}", "id.orig_h": "10.0.0.1"} for i in range(ROWS))
    ),
}


@pytest.mark.parametrize("data", WRAPPED.values(), ids=WRAPPED.keys())
def test_what_the_error_proposes_loads_every_event(
    siem: LocalConnector, tmp_path: Path, data: str
) -> None:
    with pytest.raises(ConfigError, match="no column '@timestamp'") as error:
        load(siem, tmp_path / "a.json", data)
    report = load(siem, tmp_path / "a.json", data, **proposed(error.value.hint))
    assert (report.rows, report.loaded, report.rejected) == (ROWS, ROWS, 0)


def test_hits_keep_their_ids_and_lose_what_belongs_to_the_answer(
    siem: LocalConnector, tmp_path: Path
) -> None:
    report = load(siem, tmp_path / "a.json", json.dumps(ANSWER), strip="_source")
    assert report.id == "_id"
    assert {row["event_id"] for row in rows(siem)} == {f"id{i}" for i in range(ROWS)}
    assert set(fields(siem, "_index")) == {"logs"}
    assert set(fields(siem, "_score")) == {None}
    again = load(siem, tmp_path / "b.json", ndjson(*HITS), strip="_source")
    assert again.already_there == ROWS


def test_what_powershell_writes_loads(siem: LocalConnector, tmp_path: Path) -> None:
    """Windows PowerShell 5.1: UTF-16, pretty, times as .NET's JSON writes them."""
    record = (
        '    {{\r\n        "Id":  4624,\r\n        "ProviderName":  "Auditing",\r\n'
        '        "TimeCreated":  "\\/Date(17145216{:02}123)\\/",\r\n'
        '        "Properties":  [\r\n                           {{\r\n'
        '                               "Value":  "S-1-5-18"\r\n'
        "                           }}\r\n                       ]\r\n    }}"
    )
    text = "[\r\n" + ",\r\n".join(record.format(i) for i in range(50)) + "\r\n]\r\n"
    report = load(siem, tmp_path / "a.json", text.encode("utf-16"), time="TimeCreated")
    assert (report.loaded, report.rejected) == (50, 0)
    assert set(fields(siem, "Properties.Value")) == {"S-1-5-18"}
    assert str(rows(siem)[0]["event_time"]) == "2024-05-01 00:00:00.123000+00:00"


def test_one_object_with_a_list_of_events_is_not_one_event(
    siem: LocalConnector, tmp_path: Path
) -> None:
    data = json.dumps({"data": {"found": EVENTS}})
    with pytest.raises(DataError, match="holds one object with 200 values") as error:
        load(siem, tmp_path / "a.json", data, time="data.found.@timestamp")
    options = proposed(error.value.hint)
    assert load(siem, tmp_path / "a.json", data, **options).loaded == ROWS


def test_bulk_requests_give_documents_under_the_ids_of_their_actions(
    siem: LocalConnector, tmp_path: Path
) -> None:
    lines: list[object] = []
    for i, event in enumerate(EVENTS[:4]):
        action = {"_index": "logs", "_id": f"id{i}"}
        lines += [{("index", "create")[i % 2]: action}, event]
    lines += [{"delete": {"_index": "logs", "_id": "id0"}}]
    lines += [{"update": {"_index": "logs", "_id": "id4"}}, {"doc": EVENTS[4]}]
    lines += [{"update": {"_index": "logs", "_id": "id5"}}, {"script": "x"}]
    report = load(siem, tmp_path / "a.ndjson", ndjson(*lines))
    assert sorted(str(row["event_id"]) for row in rows(siem)) == [f"id{i}" for i in range(5)]
    assert set(fields(siem, "_index")) == {"logs"}
    assert reasons(report) == {
        "a deletion in a bulk request is not an event": 1,
        "an update in a bulk request without a whole document": 1,
    }
    pairs: list[tuple[object, object]] = [({"index": {}}, event) for event in EVENTS]
    without = ndjson(*(line for pair in pairs for line in pair))
    assert load(siem, tmp_path / "b.ndjson", without).loaded == ROWS


def test_an_event_may_have_a_list_called_like_that_of_an_answer(
    siem: LocalConnector, tmp_path: Path
) -> None:
    events = [{**e, "results": [{"a": i}, {"a": 2}], "hits": {"n": 1}}
              for i, e in enumerate(EVENTS)]  # fmt: skip
    assert load(siem, tmp_path / "a.ndjson", ndjson(*events)).loaded == ROWS


def test_a_document_without_the_wrapper_costs_itself(siem: LocalConnector, tmp_path: Path) -> None:
    data = ndjson(HITS[0], {"_id": "x"}, {"_source": None}, {"_source": [1]}, 7, HITS[1])
    report = load(siem, tmp_path / "a.ndjson", data, strip="_source")
    assert (report.loaded, reasons(report)) == (
        2, {"not an object with an object in '_source'": 4}
    )  # fmt: skip


def test_an_array_that_is_cut_off_or_broken_is_refused_with_the_line(
    siem: LocalConnector, tmp_path: Path
) -> None:
    text = json.dumps(EVENTS, indent=1)
    with pytest.raises(DataError, match=r"line 1[0-9]+: the text ends in the middle of a document"):
        load(siem, tmp_path / "a.json", text[: len(text) * 3 // 4])
    in_one_line = json.dumps(EVENTS).replace('"n": 1.1', '"n": oops', 1)
    with pytest.raises(DataError, match="line 1: ") as refused:
        load(siem, tmp_path / "a.json", in_one_line)
    assert "have each object begin a line" in refused.value.hint
    cut = gzip.compress(json.dumps(EVENTS).encode(), mtime=0)[:-40]
    with pytest.raises(DataError, match="cut off"):
        load(siem, tmp_path / "a.json", cut)
    assert siem.store.streams() == []


def shell(command: str, folder: Path) -> None:
    """Run a command that an error proposes, as somebody does who copies it."""
    subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=False, capture_output=True)


DEEP = json.dumps({"page": 1, "data": {"next": None, "events": EVENTS}}, indent=1)


@pytest.mark.skipif(shutil.which("jq") is None, reason="the command that is proposed needs jq")
@pytest.mark.parametrize(
    ("text", "strip", "coded"),
    [
        (json.dumps(EVENTS, indent=1), None, "utf-16"),
        (json.dumps(EVENTS), None, "zip"),
        ("".join(json.dumps(event, indent=2) for event in EVENTS), None, "utf-8"),
        (json.dumps({"Records": EVENTS}), None, "gzip"),
        (json.dumps({"took": 1, "hits": {"hits": HITS}}), "_source", "utf-8"),
    ],
    ids=["pretty", "one line", "one after another", "answer", "hits"],
)
def test_what_breaks_off_loads_without_its_end_as_the_error_proposes(
    siem: LocalConnector, tmp_path: Path, text: str, strip: str | None, coded: str
) -> None:
    if coded == "zip" and shutil.which("unzip") is None:
        pytest.skip("the command that is proposed needs unzip")
    file = tmp_path / "it's cut.json"
    file.write_bytes(packed(text[: -len(json.dumps(EVENTS[-1])) // 2], coded))
    with pytest.raises(DataError, match="ends in the middle of a document") as refused:
        load_file(siem.store, file, "s", LoadMapping(strip=strip))
    shell(refused.value.hint.split("`")[1], tmp_path)
    report = load_file(siem.store, tmp_path / "it's cut.whole.json", "s", LoadMapping(strip=strip))
    assert (report.loaded, report.rejected) == (ROWS - 1, 0)


def test_a_broken_list_in_one_line_loads_without_the_broken_object_as_the_error_proposes(
    siem: LocalConnector, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(EVENTS).replace('"n": 1.1', '"n": oops', 1))
    with pytest.raises(DataError, match="line 1: ") as refused:
        load_file(siem.store, file, "s", LoadMapping())
    shell(refused.value.hint.split("`")[1], tmp_path)
    report = load_file(siem.store, tmp_path / "a.whole.json", "s", LoadMapping())
    assert (report.loaded, report.rejected) == (ROWS - 1, 1)


def test_events_in_a_list_deep_in_one_object_load_as_the_error_proposes(
    siem: LocalConnector, tmp_path: Path
) -> None:
    renamed = DEEP.replace('"@timestamp"', '"created"')
    for text, options in ((DEEP, ""), (renamed, " --time created")):
        with pytest.raises(ConfigError) as refused:
            load(siem, tmp_path / "a.json", text)
        assert refused.value.hint.startswith(f"add --strip data.events{options};")
        time = options.removeprefix(" --time ") or "@timestamp"
        with pytest.raises(DataError, match="a list of events") as again:
            load(siem, tmp_path / "a.json", text, strip="data", time=f"events.{time}")
        assert again.value.hint.startswith("say --strip data.events instead")
        load(siem, tmp_path / "a.json", text, strip="data.events", time=time)
    assert len(rows(siem)) == 2 * ROWS


@pytest.mark.parametrize("broken", ['"n": oops', '"n": "1'])
@pytest.mark.parametrize("place", [0, ROWS - 1])
@pytest.mark.parametrize(
    "layout",
    [
        json.dumps(EVENTS, indent=4),
        json.dumps(EVENTS, indent=2).replace("\n", "\r\n"),
        json.dumps({"results": EVENTS, "more": [1]}, indent=1),
        "[\n" + ",\n".join(map(json.dumps, EVENTS)) + "\n]\n",
        "[" + "\n,".join(map(json.dumps, EVENTS)) + "\n]\n",
    ],
    ids=["pretty", "Windows", "answer", "a line each", "commas first"],
)
def test_a_broken_document_that_can_be_told_from_the_next_costs_itself(
    siem: LocalConnector, tmp_path: Path, layout: str, place: int, broken: str
) -> None:
    pieces = layout.split('"n": 1.1')
    text = '"n": 1.1'.join(pieces[: place + 1]) + broken + '"n": 1.1'.join(pieces[place + 1 :])
    report = load(siem, tmp_path / "a.json", text)
    assert (report.loaded, report.rejected) == (ROWS - 1, 1), reasons(report)
    assert all(reason.startswith("not JSON: ") for reason in report.reasons)
    assert report.rejects is not None
    assert json.loads(report.rejects.read_text())["row"].startswith("{")


def test_an_array_costs_a_row_that_is_not_utf_8(siem: LocalConnector, tmp_path: Path) -> None:
    data = json.dumps(EVENTS[:3]).encode().replace(b"ws-1", b"ws-\xff")
    assert reasons(load(siem, tmp_path / "a.json", data)) == {"the row is not UTF-8": 1}


def test_half_a_character_at_the_end_of_utf_16_is_cut_off(
    siem: LocalConnector, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="UTF-16 ends in the middle"):
        load(siem, tmp_path / "a.json", ndjson(*EVENTS).encode("utf-16")[:-1])


@pytest.mark.parametrize(
    ("names", "says", "remedy"),
    [
        (["a.csv", "b.csv"], "a zip of 2 files: a.csv, b.csv", "load each file"),
        ([], "a zip of 0 files", "unpack"),
        (["[Content_Types].xml", "xl/workbook.xml"], "Excel workbook", "CSV UTF-8"),
    ],
)
def test_a_zip_of_something_else_is_refused_with_what_to_do(
    siem: LocalConnector, tmp_path: Path, names: list[str], says: str, remedy: str
) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    data = (tmp_path / "a.xlsx").read_bytes()
    if not names:
        data = b"PK\x03\x04" + data  # a zip without a file begins otherwise
    with pytest.raises(DataError, match=says) as error:
        load(siem, tmp_path / "a.xlsx", data)
    assert remedy in error.value.hint


def test_strip_is_refused_where_there_is_nothing_to_strip(
    siem: LocalConnector, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="not JSON"):
        load(siem, tmp_path / "a.csv", "@timestamp\n2024-05-01\n", strip="_source")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None)
@given(
    found=st.lists(st.dictionaries(st.text(max_size=3), values, max_size=3), max_size=5),
    indent=st.sampled_from([None, 1]),
    ascii_=st.booleans(),
    block=st.integers(1, 40),
)
def test_documents_are_cut_out_whole_wherever_a_block_ends(
    found: list[dict[str, object]], indent: int | None, ascii_: bool, block: int
) -> None:
    texts = [json.dumps(one, indent=indent, ensure_ascii=ascii_) for one in found]
    answer = json.dumps({"n": 12.5, "a": {"b": 1, "list": found}}, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "BLOCK", block)
        for text, lists in (
            ("[" + ",".join(texts) + "]", ()),
            ("\n".join(texts), ()),
            (answer, [("a", "list")]),
        ):
            content = io.BytesIO(text.encode())
            assert [json.loads(one) for _line, one in documents(content, lists)] == found


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        (
            {
                "columns": [{"name": "@timestamp", "type": "date"}, {"name": "n", "type": "long"}],
                "values": [[event["@timestamp"], i] for i, event in enumerate(EVENTS)],
            },
            "format=csv",
        ),
        (
            {"fields": ["_time", "n"], "rows": [[e["_time"], i] for i, e in enumerate(RESULTS)]},
            "output_mode=",
        ),
    ],
    ids=["ES|QL", "Splunk"],
)
def test_an_answer_whose_rows_have_no_names_is_refused_with_what_to_ask_for(
    siem: LocalConnector, tmp_path: Path, answer: object, remedy: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load(siem, tmp_path / "a.json", json.dumps(answer))
    assert remedy in refused.value.hint
    with pytest.raises(DataError, match="probably a list of events"):
        load(siem, tmp_path / "a.json", json.dumps(answer), time=list(dict(answer))[-1])  # type: ignore[call-overload]


def test_answers_of_several_searches_load_as_the_error_proposes(
    siem: LocalConnector, tmp_path: Path
) -> None:
    answers = [{"took": 1, "hits": {"hits": [{"_id": f"{name}{i}", "_source": event}
        for i, event in enumerate(EVENTS)]}} for name in "ab"]  # fmt: skip
    with pytest.raises(ConfigError, match=r"has no column") as refused:
        load(siem, tmp_path / "a.json", json.dumps({"took": 1, "responses": answers}))
    assert "jq -c '.responses[]' FILE" in refused.value.hint
    lines = "".join(f"{json.dumps(answer)}\n" for answer in answers)
    report = load(siem, tmp_path / "b.json", lines, strip="_source")
    assert (report.loaded, report.rejected) == (2 * len(EVENTS), 0)


def test_records_with_headings_are_refused_with_the_command_that_writes_lines(
    siem: LocalConnector, tmp_path: Path
) -> None:
    text = "".join(f"Record {i}\n{json.dumps(e, indent=2)}\n" for i, e in enumerate(EVENTS))
    with pytest.raises(DataError) as refused:
        load(siem, tmp_path / "a.json", text)
    assert "evtx_dump -o jsonl" in refused.value.hint


@pytest.mark.parametrize(
    "event",
    [
        lambda e: {"Event": {"System": {"Created": {"#a": {"SystemTime": e["@timestamp"]}}}}},
        lambda e: {"events": {"began": e["@timestamp"], "a": {"b": 1}}},
        lambda e: {"when it was": e["@timestamp"].replace("T", " ").replace("Z", " UTC"), "n": 1},
        lambda e: {"Datum": re.sub("[^0-9]", "", e["@timestamp"]), "n": "17"},
    ],
    ids=["evtx", "wrapped", "a blank in the name", "digits"],
)
def test_a_time_column_of_any_name_is_found_by_its_values(
    siem: LocalConnector, tmp_path: Path, event: Callable[[dict[str, object]], object]
) -> None:
    data = ndjson(*map(event, EVENTS))
    with pytest.raises(ConfigError) as refused:
        load(siem, tmp_path / "a.ndjson", data)
    options = {n.replace("-", "_"): v for n, v in proposed(refused.value.hint).items()}
    assert load(siem, tmp_path / "a.ndjson", data, **options).loaded == ROWS


def test_lines_of_text_are_refused_in_words(siem: LocalConnector, tmp_path: Path) -> None:
    lines = "".join(
        f"{e['@timestamp']} ws sshd[1]: failed password {i}\n" for i, e in enumerate(EVENTS)
    )
    with pytest.raises(ConfigError) as refused:
        load(siem, tmp_path / "a.log", lines)
    assert "the lines of the file have no columns" in refused.value.hint
