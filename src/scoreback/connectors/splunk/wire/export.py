"""Runs searches and reads their results line by line: a JSON document per line, flat memory.

An export can fail silently: an empty answer with status 200 is not a result, rows without the mark
of the last row were cut off, and a failure can be a message among the rows. Preview rows are
dropped. The SDK's own reader would hold the whole answer in memory.
"""

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.failures import Busy, NoAnswer
from scoreback.errors import SiemRefused, SiemUnavailable

BLOCK = 1_000_000  # bytes per read: some thousand rows, because columns cost time per block
LONGEST_LINE = 64_000_000  # bytes; no event is as long
ALL_TIME = "0"

T = TypeVar("T")
Row = dict[str, Any]  # a field's text, or the texts of one with several values

_GRAVE = frozenset({"FATAL", "ERROR"})
# Warnings that rows are missing because some of the indexers did not answer.
_INCOMPLETE = ("incomplete", "unable to distribute", "search process did not exit cleanly")
# What a search says again however often it is retried.
_FOR_EVER = ("unknown search command", "error in '", "unable to parse", "insufficient permission")


class Message(msgspec.Struct):
    """What Splunk says among the rows."""

    type: str = ""
    text: str = ""


class Line(msgspec.Struct, Generic[T]):
    """One line of an export."""

    preview: bool = False
    lastrow: bool = False
    result: T | None = None
    messages: list[Message] = []


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """Some decoded lines of an export, without previews."""

    rows: T
    count: int
    whole: bool  # the last row is among them
    messages: Sequence[Message] = ()


Decode = Callable[[bytes], Decoded[T]]  # raises ValueError where it cannot decode


def decoded(decoder: "msgspec.json.Decoder[Line[T]]", data: bytes) -> Decoded[list[T]]:
    """The lines of *data*; where text is not valid Unicode, replacement characters fill the gaps.

    Raises:
        ValueError: a line is not JSON, or not of the decoder's type.
    """
    try:
        lines = decoder.decode_lines(data)
    except ValueError:
        lines = [decoder.decode(_mended(line)) for line in data.split(b"\n") if line.strip()]
    final = [line for line in lines if not line.preview]
    rows = [line.result for line in final if line.result is not None]
    said = [message for line in lines for message in line.messages]
    return Decoded(rows, len(rows), any(line.lastrow for line in final), said)


def _mended(line: bytes) -> bytes:
    found = json.loads(line.decode(errors="replace"))
    return json.dumps(found, ensure_ascii=False).encode(errors="replace")


_ROWS = partial(decoded, msgspec.json.Decoder(Line[Row]))


def search(client: Client, spl: str, *, earliest: str = ALL_TIME, latest: str = "") -> list[Row]:
    """All rows that *spl* returns; they must be few enough for memory.

    Args:
        client: the connection's client.
        spl: begins with ``search`` or ``|``.
        earliest: the start of the events' own time, in epoch seconds.
        latest: the end, which is excluded; empty: now.

    Raises:
        SiemUnavailable: no complete answer, after all attempts.
        SiemRefused: Splunk refused the search.
    """

    def once() -> list[Row]:
        try:
            return [
                row for found in blocks(client, spl, earliest, latest, _ROWS) for row in found.rows
            ]
        except NoAnswer:
            # Only a search that always returns a row distinguishes "nothing" from "no answer".
            if counted(client, spl, earliest=earliest, latest=latest):
                raise
            return []

    return patiently(client, once)


def counted(client: Client, spl: str, *, earliest: str = ALL_TIME, latest: str = "") -> int:
    """The number of rows that *spl* returns; one attempt.

    Raises:
        SiemUnavailable: no complete answer.
        SiemRefused: Splunk refused the search.
    """
    asked = f"{spl} | stats count AS rows"
    found = [row for some in blocks(client, asked, earliest, latest, _ROWS) for row in some.rows]
    try:
        return int(found[0]["rows"])
    except (IndexError, KeyError, ValueError) as error:
        raise client.failures.no_answer("a counting search returned no count") from error


def blocks(
    client: Client,
    spl: str,
    earliest: str,
    latest: str,
    decode: Decode[T],
    least: int | None = None,
) -> Generator[Decoded[T]]:
    """Yield the rows of *spl* as they arrive, some thousand at a time; one attempt.

    Args:
        client: the connection's client.
        spl: begins with ``search`` or ``|``.
        earliest: the start of the events' own time, in epoch seconds.
        latest: the end, which is excluded; empty: now.
        decode: decodes some whole lines.
        least: how many rows were counted before; without it, only the mark of the last row shows
            that none is missing.

    Raises:
        NoAnswer: rows are missing, or the answer is empty.
        SiemUnavailable: no answer.
        SiemRefused: Splunk refused the search.
    """
    form = {
        "search": spl,
        "output_mode": "json",
        "preview": False,
        "earliest_time": earliest,
        "latest_time": latest or None,
    }
    count, whole = 0, least == 0
    with client.searching:
        for found in _lines(client, form, decode):
            if found.messages:
                _refuse(client, found.messages)
            count += found.count
            whole = whole or found.whole
            if found.count:
                yield found
    if least is not None and count < least:
        raise client.failures.no_answer(f"a search returned {count:,} of {least:,} events")
    if not whole and count != least:
        why = "broke off" if count else "returned nothing at all"
        raise client.failures.no_answer(f"a search {why}")


def patiently(client: Client, attempt: Callable[[], T]) -> T:
    """The result of *attempt*, which is repeated while that can help.

    Raises:
        SiemUnavailable: from the last attempt.
    """
    for number in range(1, client.settings.attempts):
        try:
            return attempt()
        except SiemUnavailable as error:
            client.wait(number, error.retry_after if isinstance(error, Busy) else None)
    return attempt()


def _lines(client: Client, form: dict[str, object], decode: Decode[T]) -> Iterator[Decoded[T]]:
    path = f"{client.jobs}/export"
    with client.stream(path, form) as body:
        rest = b""
        try:
            while block := body.read(BLOCK):
                end = block.rfind(b"\n") + 1
                if end:
                    yield decode(rest + block[:end])
                    rest = block[end:]
                else:
                    rest += block
                if len(rest) > LONGEST_LINE:
                    raise client.failures.unreadable(f"POST {path}")
            if rest.strip():
                yield decode(rest)
        except ValueError as error:
            raise client.failures.no_answer("the answer to a search is not JSON") from error


def _refuse(client: Client, messages: Sequence[Message]) -> None:
    """Raise if *messages* say that the rows are not reliable."""
    for message in messages:
        said = client.failures.told(message.text[:500])
        lower = said.lower()
        if message.type in _GRAVE and any(words in lower for words in _FOR_EVER):
            raise SiemRefused(f"Splunk refused a search: {said}", hint="correct the search")
        if message.type in _GRAVE or any(words in lower for words in _INCOMPLETE):
            raise client.failures.no_answer(f"a search failed: {said}")
