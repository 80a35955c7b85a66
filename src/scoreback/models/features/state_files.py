"""The files of window state: named after their content, so that a changed bit is an error.

A name consists of the slice that the files came from and, each after a separator, the first digits
of the files' sha256, in the order of their kinds. Only the names that the caller stores with its
watermark count, so those names also fix the content. Older versions gave names without digests;
such files are read unchecked until the state is next compacted.
"""

import shutil
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scoreback.disk.digests import Digests
from scoreback.disk.files import draft, private_folder, sweep
from scoreback.disk.room import reason, remedy
from scoreback.errors import StateError
from scoreback.records import TimeWindow
from scoreback.times import micros

DIGITS = 16  # of each digest: one changed file in 10^19 goes unnoticed

OPEN_UNITS = "open"  # folder for the sums of open units, beside the window files

_SEAL = "."


@dataclass(frozen=True, slots=True)
class StateFiles:
    """The names of the files that count; each slice has a ``raw-`` and a ``sums-`` file."""

    slices: tuple[str, ...] = ()
    pending: str | None = None


def slice_name(window: TimeWindow) -> str:
    """The name of the files that came from the slice *window*, without digests."""
    return f"{micros(window.since)}-{micros(window.until)}"


def spill_of(folder: Path) -> Path:
    """The folder, not yet there, in which the engine over *folder* may spill from memory."""
    spill = folder / "spill"
    if spill.exists():  # a killed process left it; only one process computes here at a time
        shutil.rmtree(spill, ignore_errors=True)
    return spill


def unsealed(name: str) -> str:
    """*name* without digests."""
    return name.partition(_SEAL)[0]


class StateFolder:
    """Files of several kinds in one folder, written together under one name."""

    def __init__(self, folder: Path, kinds: Sequence[str], *, what: str = "window state") -> None:
        """Keep files of *kinds* in *folder*, created if needed; messages call them *what*.

        Raises:
            StateError: the folder cannot be made.
        """
        self.folder, self.kinds, self._what = folder, tuple(kinds), what
        try:
            private_folder(folder)
        except OSError as error:
            raise self._unwritten(error) from error
        self._digests = Digests()

    def write(self, tables: Sequence[pa.Table], name: str) -> str:
        """Write a file for each of *tables*, whole or not at all; return their common name.

        Raises:
            StateError: the disk is full, or the folder may not be written.
        """
        try:
            with ExitStack() as drafts:
                written = [drafts.enter_context(draft(self.folder)) for _ in tables]
                for new, table in zip(written, tables, strict=True):
                    pq.write_table(table, new.file, compression="zstd")
                name = _SEAL.join([name, *(new.sha256()[:DIGITS] for new in written)])
                for new, path in zip(written, self.paths(name), strict=True):
                    new.keep(path)
        except OSError as error:
            raise self._unwritten(error) from error
        return name

    def paths(self, name: str) -> list[Path]:
        """The paths of the files called *name*, one of each kind."""
        return [self.folder / f"{kind}-{name}.parquet" for kind in self.kinds]

    def checked(self, kind: str, name: str) -> Path:
        """The path of the file of *kind* called *name*, after a check of its content.

        Raises:
            StateError: it is missing or damaged.
        """
        place = self.kinds.index(kind)
        path, seals = self.paths(name)[place], name.split(_SEAL)[1:]
        try:
            if not seals:
                path.stat()
            elif len(seals) != len(self.kinds) or not self._digests.equal(path, seals[place]):
                raise self.damaged(f"file {path} is not what was written")
        except FileNotFoundError as error:
            raise self.damaged(f"file {path} is missing") from error
        except OSError as error:
            raise self.damaged(f"file {path} cannot be read: {error.strerror}") from error
        return path

    def read(self, kind: str, name: str) -> pa.Table:
        """The content of the file of *kind* called *name*.

        Raises:
            StateError: it is missing or damaged.
        """
        path = self.checked(kind, name)
        try:
            with pq.ParquetFile(path) as file:
                return file.read()
        except (OSError, pa.ArrowInvalid, ValueError) as error:
            raise self.damaged(f"file {path} cannot be read: {first_line(error)}") from error

    def damaged(self, what: str) -> StateError:
        """The error to raise for state that cannot be used."""
        folder = self.folder.parent if self.folder.name == OPEN_UNITS else self.folder
        return StateError(
            f"{self._what} in {self.folder} cannot be read: {what}",
            hint=f"remove the folder {folder}: the next score run reads the history of its windows"
            " from the SIEM again, and no score is lost",
        )

    def forget_all_but(self, known: Iterable[Path]) -> None:
        """Delete all files except *known* ones, and half-written files of a killed process."""
        kept = set(known)
        for path in self.folder.glob("*.parquet"):
            if path not in kept:
                path.unlink(missing_ok=True)
        sweep(self.folder, also=".parquet.partial")

    def _unwritten(self, error: OSError) -> StateError:
        return StateError(
            f"{self._what} cannot be written in {self.folder}: {reason(error)}",
            hint=f"{remedy(error)}; nothing is lost",
        )


def first_line(error: Exception) -> str:
    """The first line of an engine's message; advice follows it."""
    return str(error).splitlines()[0]
