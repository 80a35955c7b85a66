"""Lets only one process at a time work on a detector, whatever else uses the same state."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from scoreback.disk.files import FILE_MODE, create, unlinked
from scoreback.disk.room import reason, remedy
from scoreback.errors import StateError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")


@contextmanager
def hold_lock(folder: Path, name: str, *, what: str, wait: float = 0) -> Iterator[None]:
    """Hold the lock *name* in *folder*; the system frees it when the process ends, killed or not.

    The holder is recorded beside the lock, as trying for a lock may empty the lock's own file.

    Args:
        folder: the folder of lock files.
        name: the lock's name.
        what: what it guards, in words for an error.
        wait: seconds to wait while another process holds it.

    Raises:
        StateError: it is held; says by which process.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a valid name of a lock")
    path, holder = folder / f"{name}.lock", folder / f"{name}.pid"
    try:
        lock = FileLock(unlinked(path), timeout=wait, mode=FILE_MODE)
        lock.acquire()
    except OSError as error:
        if not isinstance(error, Timeout):
            raise StateError(
                f"lock file {path} cannot be used: {reason(error)}", hint=remedy(error)
            ) from error
        raise StateError(
            f"{what} is in use by {_said_by(holder)}",
            hint="wait until that process is done, or end it; nothing is lost",
        ) from error
    try:
        with suppress(OSError):  # the name is only for people; the lock holds without it
            _say(holder)
        yield
    finally:
        with suppress(OSError):
            holder.unlink()
        lock.release()


def _say(holder: Path) -> None:
    descriptor = create(holder, exist_ok=True)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    finally:
        os.close(descriptor)


def _said_by(holder: Path) -> str:
    try:
        pid = holder.read_text(encoding="ascii").strip() if holder.is_file() else ""
    except (OSError, UnicodeDecodeError):
        pid = ""
    return f"process {pid}" if pid.isdecimal() else "another process"
