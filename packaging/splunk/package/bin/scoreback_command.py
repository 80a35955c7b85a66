"""`| scoreback detector=NAME [reasons=N] [version=V]`: scores events as the service does.

It adds `scoreback_score`, `scoreback_threshold` (the one in force), `scoreback_alert` (0 or 1: the
score reaches the threshold), `scoreback_version` and, for alerts, `scoreback_reasons`. It needs
only Python 3.9 or later. It runs on the search head, because indexers cannot read the collections
that hold the model and the threshold.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any, BinaryIO, NamedTuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from scoreback_chunks import Garbled, failed, read_chunk, write_chunk
from scoreback_models import InForce, Refused, fetched
from scoreback_rows import Rows, Unreadable
from scoreback_splunkd import Collection, Splunkd, SplunkdError

REASONS = 3  # reasons shown for an alert by default
USAGE = "write | scoreback detector=NAME [reasons=0 to 10] [version=VERSION]"


class Asked(NamedTuple):
    """The command's arguments."""

    detector: str
    reasons: int = REASONS
    version: str = ""


def arguments(given: list[str]) -> Asked:
    """The command's arguments in a search.

    Raises:
        Refused: an argument is missing, unknown or out of range.
    """
    found: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        if name not in Asked._fields or not equals or not value:
            raise Refused(f"{each!r} is not an argument of this command: {USAGE}")
        if name in found:
            raise Refused(f"{name} is given twice: {USAGE}")
        found[name] = value
    if "detector" not in found:
        raise Refused(f"no detector is given: {USAGE}")
    reasons = found.get("reasons", str(REASONS))
    if not (reasons.isdigit() and reasons.isascii() and int(reasons) <= 10):
        raise Refused(f"reasons={reasons} is not a number from 0 to 10: {USAGE}")
    return Asked(found["detector"], int(reasons), found.get("version", ""))


def prepared(searchinfo: dict[str, Any]) -> Rows:
    """The scorer for the rows of the search that *searchinfo* describes.

    Raises:
        Refused: the arguments are wrong, or the detector cannot be scored here.
        SplunkdError: the collections cannot be read.
    """
    asked = arguments([str(each) for each in searchinfo.get("args", [])])
    splunkd = Splunkd(searchinfo.get("splunkd_uri", ""), searchinfo.get("session_key", ""))
    in_force: InForce = fetched(
        Collection(splunkd, "scoreback_in_force"),
        Collection(splunkd, "scoreback_models"),
        asked.detector,
        asked.version,
    )
    return Rows(in_force, asked.reasons)


def main() -> int:
    """Answer splunkd's chunks until the last one; returns the process's exit status."""
    gc.disable()  # rows have no cycles, and looking for some takes half the time
    try:
        _answer(sys.stdin.buffer, sys.stdout.buffer)
    except (Refused, SplunkdError, Unreadable, Garbled) as error:
        write_chunk(sys.stdout.buffer, failed(f"scoreback: {error}"))
        return 1
    return 0


def _answer(source: BinaryIO, sink: BinaryIO) -> None:
    rows: Rows | None = None
    for chunk in iter(lambda: read_chunk(source), None):
        if chunk.metadata.get("action") == "getinfo":
            rows = prepared(chunk.metadata.get("searchinfo", {}))
            write_chunk(sink, {"type": "stateful", "required_fields": rows.required})
            continue
        if rows is None:
            raise Garbled("splunkd sent rows before it described the search")
        finished = bool(chunk.metadata.get("finished"))
        write_chunk(sink, {"finished": finished}, rows.scored(chunk.body))
        if finished:
            return


if __name__ == "__main__":
    sys.exit(main())
