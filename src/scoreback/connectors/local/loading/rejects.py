"""Keeps the rows that could not be loaded: counts by reason, and whole rows in a file."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from scoreback.connectors.doors.intake import Fault, Rejected
from scoreback.disk.files import Draft, draft, private_folder
from scoreback.disk.room import reason, remedy
from scoreback.errors import SiemUnavailable

EXAMPLES = 3  # how many rows of each reason the report shows
EXAMPLE_LENGTH = 200


class Rejects:
    """Rejected rows of one load, as NDJSON at *path* once the load has finished.

    A row that is not UTF-8 keeps its bytes as lone surrogates (Python's ``surrogateescape``).
    """

    def __init__(self, path: Path) -> None:
        """Write to *path* at the end; a load without rejects writes no file."""
        self.path = path
        self._held = ExitStack()
        self._draft: Draft | None = None
        self._reasons: dict[str, Rejected] = {}

    def __enter__(self) -> Self:
        """Start collecting."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Delete what `keep` did not keep."""
        self._held.close()

    @property
    def reasons(self) -> Mapping[str, Rejected]:
        """Reason → the rows that were rejected for it."""
        return self._reasons

    @property
    def count(self) -> int:
        """How many rows were rejected."""
        return sum(rejected.count for rejected in self._reasons.values())

    def add(self, line: int, reason: str, text: str, fault: Fault = Fault.OTHER) -> None:
        """Reject the row that begins at *line*.

        Raises:
            SiemUnavailable: the disk is full.
        """
        rejected = self._reasons.setdefault(reason, Rejected(fault))
        rejected.count += 1
        if len(rejected.examples) < EXAMPLES:
            shown = text[:EXAMPLE_LENGTH].rstrip("\r\n")
            rejected.examples.append((line, shown.encode(errors="backslashreplace").decode()))
        row = json.dumps({"line": line, "reason": reason, "row": text})
        try:
            if self._draft is None:
                folder = private_folder(self.path.parent)
                self._draft = self._held.enter_context(draft(folder))
            self._draft.file.write(row.encode("ascii") + b"\n")
        except OSError as error:
            raise self._unwritten(error) from error

    def keep(self) -> Path | None:
        """Move the file to its final place; returns its path, or None if no row was rejected."""
        if self._draft is None:
            return None
        try:
            self._draft.keep(self.path)
        except OSError as error:
            raise self._unwritten(error) from error
        return self.path

    def _unwritten(self, error: OSError) -> SiemUnavailable:
        return SiemUnavailable(
            f"cannot write {self.path}: {reason(error)}",
            hint=f"{remedy(error)}; nothing was loaded",
        )
