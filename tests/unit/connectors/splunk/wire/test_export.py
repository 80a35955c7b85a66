"""Whether an export is whole: by its last row's mark, and by what was counted before."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from typing import Any

import msgspec
import pytest

from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.wire import export
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.export import Line, Row, blocks, decoded
from scoreback.connectors.splunk.wire.failures import NoAnswer
from scoreback.errors import SiemUnavailable

DECODE = partial(decoded, msgspec.json.Decoder(Line[Row]))


def client_of(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A client whose every search is answered so."""
    given = {"url": "https://nowhere:8089", "token": "t"}
    client = Client("stub", SplunkSettings.of("stub", given))

    @contextmanager
    def stream(*_: object) -> Iterator[BytesIO]:
        yield BytesIO(answer)

    monkeypatch.setattr(client, "stream", stream)
    return client


def answer(count: int, *, marked: bool = True) -> bytes:
    lines: list[dict[str, Any]] = [{"result": {"n": str(n)}} for n in range(count)]
    if marked and lines:
        lines[-1]["lastrow"] = True
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize(
    ("count", "marked", "least", "whole"),
    [
        (3, True, None, True),
        (3, False, None, False),
        (0, False, None, False),
        (3, True, 3, True),
        (3, False, 3, True),  # as many as were counted
        (3, True, 2, True),  # one became visible meanwhile
        (3, False, 2, False),  # repeats could hide what is missing
        (3, True, 4, False),  # the mark is there, and a row is not
        (0, False, 0, True),
    ],
)
def test_rows_are_whole_or_no_answer(
    monkeypatch: pytest.MonkeyPatch, count: int, marked: bool, least: int | None, whole: bool
) -> None:
    client = client_of(answer(count, marked=marked), monkeypatch)
    read = blocks(client, "search x", "0", "", DECODE, least)
    if not whole:
        with pytest.raises(NoAnswer):
            list(read)
        return
    assert [row["n"] for some in read for row in some.rows] == [str(n) for n in range(count)]


@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
def test_lines_are_whole_wherever_the_answer_is_cut(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(export, "BLOCK", size)
    client = client_of(answer(5).rstrip(b"\n"), monkeypatch)
    read = blocks(client, "search x", "0", "", DECODE)
    assert [row["n"] for some in read for row in some.rows] == ["0", "1", "2", "3", "4"]


def test_a_line_without_an_end_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "LONGEST_LINE", 1_000)
    monkeypatch.setattr(export, "BLOCK", 100)
    client = client_of(b'{"result":{"n":"' + b"x" * 5_000, monkeypatch)
    with pytest.raises(SiemUnavailable, match="is not JSON"):
        list(blocks(client, "search x", "0", "", DECODE))


def test_a_login_page_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(b"<html>Please log in</html>", monkeypatch)
    with pytest.raises(NoAnswer, match="not JSON"):
        list(blocks(client, "search x", "0", "", DECODE))
