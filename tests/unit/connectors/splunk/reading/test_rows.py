"""Rows of an export become the same columns by either decoder, whatever they hold."""

import json
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.connectors.json.flatten import MAX_TEXT
from scoreback.connectors.splunk.reading.rows import RowDecoder, without_nulls
from scoreback.connectors.splunk.wire.export import Decoded, decoded
from scoreback.multivalue import cell

NAMES = ("a", "b.c", "d{}")
TEXT = st.one_of(
    st.text(max_size=8), st.sampled_from(["", "null", "\ufdd0x", "\ufdd1", '"', "\\", "1.10"])
)
VALUE = st.one_of(TEXT, st.lists(TEXT, max_size=3))
ROW = st.dictionaries(st.sampled_from([*NAMES, "other"]), VALUE, max_size=4)


def lines(rows: list[dict[str, Any]], **more: object) -> bytes:
    return b"".join(
        json.dumps({"preview": False, "offset": n, "result": row, **more}).encode() + b"\n"
        for n, row in enumerate(rows)
    )


def slow(decoder: RowDecoder, data: bytes) -> Decoded[pa.Table]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder, "_quick", refuses)
        return decoder.decode(data)


def refuses(_: bytes) -> Decoded[pa.Table]:
    raise ValueError


@given(st.lists(ROW, max_size=6))
def test_both_decoders_give_the_definition(rows: list[dict[str, Any]]) -> None:
    decoder = RowDecoder(NAMES)
    for found in (decoder.decode(lines(rows)), slow(decoder, lines(rows))):
        assert found.count == len(rows)
        for name in NAMES:
            column = without_nulls(found.rows[name])
            assert column.to_pylist() == [meaning(row.get(name)) for row in rows]


def meaning(value: str | list[str] | None) -> str | None:
    values = [value] if isinstance(value, str) else value
    if values is None:
        return None
    return cell(text for text in values if text != "null")


def test_rows_of_a_preview_are_dropped_and_the_last_row_is_noted() -> None:
    decoder = RowDecoder(NAMES)
    data = lines([{"a": "early"}], preview=True, lastrow=True) + lines([{"a": "1"}, {"a": "2"}])
    for found in (decoder.decode(data), slow(decoder, data)):
        assert found.rows["a"].to_pylist() == ["1", "2"]
        assert (found.count, found.whole) == (2, False)
    assert decoder.decode(lines([{"a": "x"}], lastrow=True)).whole


def test_messages_among_rows_are_told_and_are_no_rows() -> None:
    message = b'{"preview":false,"messages":[{"type":"WARN","text":"slow"}]}\n'
    found = RowDecoder(NAMES).decode(lines([{"a": "1"}]) + message + lines([{"a": "2"}]))
    assert found.rows["a"].to_pylist() == ["1", "2"]
    assert [(m.type, m.text) for m in found.messages] == [("WARN", "slow")]


@pytest.mark.parametrize(
    ("written", "read"),
    [(b'"\\ud800x"', "?x"), (b'"caf\xe9"', "caf\ufffd"), (b'"ok"', "ok")],
)
def test_text_that_is_no_unicode_is_read_with_marks_in_the_gaps(written: bytes, read: str) -> None:
    data = b'{"result":{"a":' + written + b"}}\n" + lines([{"a": "next"}])
    assert RowDecoder(NAMES).decode(data).rows["a"].to_pylist() == [read, "next"]


@pytest.mark.parametrize("data", [b'{"result":{"a":"', b"<html>", b'{"result":{"a":{}}}\n', b"[]"])
def test_what_is_no_row_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        RowDecoder(NAMES).decode(data)


def test_a_text_that_is_too_long_to_be_a_field_is_missing() -> None:
    rows = [{"a": "x" * (MAX_TEXT + 1)}, {"a": "y" * MAX_TEXT}]
    found = RowDecoder(NAMES).decode(lines(rows)).rows["a"].to_pylist()
    assert found == [None, "y" * MAX_TEXT]


def test_whole_rows_are_decoded_with_their_lists() -> None:
    from scoreback.connectors.splunk.wire.export import Line

    decoder = msgspec.json.Decoder(Line[dict[str, Any]])
    assert decoded(decoder, lines([{"a": ["1", "2"]}])).rows == [{"a": ["1", "2"]}]
