"""Explains SQLite errors by their code, and creates private databases."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scoreback.disk.files import create
from scoreback.disk.room import no_room_beside

Kind = Literal["locked", "full", "denied", "damaged", "failing"]

_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_DENIED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a database: the kind of trouble, and a text."""

    kind: Kind
    said: str


def trouble_of(error: BaseException | None, path: Path) -> Trouble:
    """Explain *error* of the database at *path*.

    Only what SQLite calls corrupt is ``damaged``. Where it cannot read, write or open, the disk is
    asked whether it is full, as "disk I/O error" is what a full disk gives as well.
    """
    said = str(error)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    primary = code & 0xFF
    if primary in _LOCKED:
        return Trouble("locked", said)
    if primary in _DAMAGED:
        return Trouble("damaged", said)
    full = no_room_beside(path)
    if full is not None or primary == sqlite3.SQLITE_FULL:
        return Trouble("full", full or "the disk is full")
    if code == sqlite3.SQLITE_IOERR_SHORT_READ or said.startswith("no such"):
        return Trouble("damaged", said)
    return Trouble("denied" if primary in _DENIED else "failing", said)


def make_private(path: Path) -> None:
    """Make an empty database at *path* unless one is there; SQLite's files beside it get its mode.

    Raises:
        OSError: it cannot be made.
    """
    if not path.exists():
        os.close(create(path, exist_ok=True))
