"""Events from files: one JSON object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_ENVELOPE = ("time", "indextime", "index", "host", "source", "sourcetype", "fields")


def events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a file, or of all ``*.jsonl`` of a folder, for ``Simulator.add_events``.

    A line is such a mapping itself (it has ``raw``), an envelope of the event collector (it has
    ``event``), or the event alone.
    """
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield _event(json.loads(line))


def _event(given: dict[str, Any]) -> dict[str, Any]:
    if "raw" in given:
        return given
    if "event" not in given:
        return {"raw": given}
    return {"raw": given["event"], **{key: given[key] for key in _ENVELOPE if key in given}}
