"""Rows become JSON documents and bulk requests, and nothing of them changes on the way."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.connectors.elastic.writing.in_place import _numbers
from scoreback.connectors.json.documents import documents
from scoreback.connectors.portions import portions, together
from scoreback.records import TIME

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', "\\", '\\"', "a,", ",,", "\x00", "\x1f", "\x7f", "\u2028", "é", "😀", "}", "{", "\n"]
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 7 * 10**15).map(lambda us: EPOCH + timedelta(microseconds=us))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "a.text": st.none() | TEXTS,
            'odd "name"\\': st.none() | TEXTS,
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "x": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "b": st.none() | st.booleans(),
            "t": st.none() | TIMES,
            "list": st.none() | st.lists(TEXTS, min_size=1, max_size=3),
        }
    ),
    max_size=6,
)
TYPES = {
    "a.text": pa.string(), 'odd "name"\\': pa.string(), "n": pa.int64(), "x": pa.float64(),
    "b": pa.bool_(), "t": TIME, "list": pa.list_(pa.string()),
}  # fmt: skip
CONSTANTS: dict[str, object] = {"c": 'é"', "fixed": ["a", 1], "none": None}


def table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()}
    return pa.table(columns)


def back(found: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    value = found.get(name)
    if name == "list" and isinstance(value, str):
        return [value]
    return datetime.fromisoformat(value) if name == "t" and value is not None else value


@given(ROWS, st.booleans())
def test_documents_hold_what_rows_hold(rows: list[dict[str, Any]], whole: bool) -> None:
    made = table(rows)
    if not whole and rows:  # in several chunks, and not from the first row on
        made = pa.concat_tables([table(rows[:1]), made, table(rows[:1])]).slice(1, len(rows))
    columns = {name: made[name] for name in TYPES}
    found = [flat(json.loads(text)) for text in documents(columns, CONSTANTS).to_pylist()]
    assert len(found) == len(rows)
    for document, row in zip(found, rows, strict=True):
        assert {name: back(document, name) for name in TYPES} == row
        assert set(document) == {n for n, v in row.items() if v is not None} | {"c", "fixed"}
        assert (document["c"], document["fixed"]) == ('é"', ["a", 1])


@given(ROWS)
def test_objects_hold_their_members_whichever_of_them_are_absent(
    rows: list[dict[str, Any]],
) -> None:
    made = table(rows)
    sure = pa.array([str(n) for n in range(len(rows))], pa.string())
    columns = {"o.t": made["a.text"], "o.sure": sure, "n": made["n"], "o.x.y": made["b"]}
    found = [json.loads(t) for t in documents(columns, {}, objects=("o",)).to_pylist()]
    for number, (document, row) in enumerate(zip(found, rows, strict=True)):
        inner = {"t": row["a.text"], "sure": str(number), "x.y": row["b"]}
        assert document["o"] == {k: v for k, v in inner.items() if v is not None}
        assert document.get("n") == row["n"]


@given(ROWS)
def test_each_item_of_a_bulk_request_is_two_lines(rows: list[dict[str, Any]]) -> None:
    made = table(rows)
    ids = pa.array([f'"{n}\n' for n in range(len(rows))], pa.string())
    lines = actions("create", {"_id": ids}, documents({"a.text": made["a.text"]}, {"k": 1}))
    assert len(lines) == len(rows)
    for number, (text, row) in enumerate(zip(lines.to_pylist(), rows, strict=True)):
        head, source, rest = text.split("\n")
        assert json.loads(head) == {"create": {"_id": f'"{number}\n'}}
        assert flat(json.loads(source)).get("a.text") == row["a.text"]
        assert rest == ""


@given(
    st.lists(st.integers(1, 40), max_size=30),
    st.integers(0, 3),
    st.integers(1, 5),
    st.integers(20, 90),
)
def test_requests_are_bounded_and_hold_every_item_once_in_order(
    sizes: list[int], skipped: int, most: int, room: int
) -> None:
    texts = ["x" * size + "\n" for size in [7] * skipped + sizes]
    lines = pa.array(texts, pa.string()).slice(skipped)
    kept = texts[skipped:]
    requests = list(portions(lines, most_bytes=room, most_items=most))
    assert [number for items in requests for number in items] == list(range(len(kept)))
    for items in requests:
        body = together(lines, items)
        assert body == "".join(kept[number] for number in items).encode()
        assert len(items) <= most
        assert len(body) <= room or len(items) == 1
    odd = np.arange(0, len(lines), 2)
    if len(odd):
        assert together(lines, odd) == "".join(kept[::2]).encode()


@given(st.lists(st.floats(0, 1), max_size=10))
def test_a_score_is_the_same_number_however_it_is_written(scores: list[float]) -> None:
    written = [f"{score!r}".upper().replace("E-0", "E-") for score in scores]
    found = _numbers(pa.chunked_array([pa.array(written, pa.string())])).to_pylist()
    assert found == scores


def test_what_is_no_number_is_no_score() -> None:
    odd = pa.chunked_array([pa.array(["x", "", "nan", "1e", None, "true", "0x1", "1,5"])])
    assert _numbers(odd).to_pylist() == [None] * 8
