"""The protocol of custom search commands, version 2: messages of metadata and rows.

A message is ``chunked 1.0,<bytes of metadata>,<bytes of body>``, a line end, the metadata as JSON,
and the body as CSV.
"""

from __future__ import annotations

import json
import re
from typing import Any, BinaryIO, NamedTuple

_HEAD = re.compile(rb"chunked 1\.0,(\d+),(\d+)\s*\n")


class Garbled(Exception):
    """What splunkd sent does not follow the protocol."""


class Chunk(NamedTuple):
    """One message."""

    metadata: dict[str, Any]
    body: bytes


def read_chunk(source: BinaryIO) -> Chunk | None:
    """The next message from *source*; None at its end.

    Raises:
        Garbled: it is not a valid message.
    """
    head = source.readline()
    if not head:
        return None
    match = _HEAD.fullmatch(head)
    if match is None:
        raise Garbled(f"splunkd sent {head[:80]!r}, which is not a valid chunk header")
    metadata, body = (_exactly(source, int(length)) for length in match.groups())
    return Chunk(json.loads(metadata) if metadata else {}, body)


def write_chunk(sink: BinaryIO, metadata: dict[str, Any], body: bytes = b"") -> None:
    """Send a message."""
    text = json.dumps(metadata, separators=(",", ":")).encode()
    sink.write(b"chunked 1.0,%d,%d\n" % (len(text), len(body)))
    sink.write(text)
    sink.write(body)
    sink.flush()


def failed(message: str) -> dict[str, Any]:
    """The metadata that ends a search with an error message for its user."""
    return {
        "finished": True,
        "error": message,
        "inspector": {"messages": [["ERROR", message]]},
    }


def _exactly(source: BinaryIO, length: int) -> bytes:
    content = source.read(length)
    if len(content) != length:
        raise Garbled(f"splunkd sent only {len(content)} of {length} bytes")
    return content
