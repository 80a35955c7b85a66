"""Whether a disk is full; checks the disk itself if an error does not say so."""

import errno
import os
from pathlib import Path

from scoreback.disk.files import draft

_NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not grow any more: the limit on the size of files is reached",
}
_PROBE = 65_536  # bytes; more than what SQLite adds at a time


def no_room(error: BaseException | None) -> str | None:
    """What *error* or its cause says about missing space; None if it is about something else."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return _NO_ROOM[error.errno]
        if "No space left on device" in str(error):  # engines say it only in their text
            return _NO_ROOM[errno.ENOSPC]
        error = error.__cause__ or error.__context__
    return None


def reason(error: OSError) -> str:
    """What *error* says, as text to put after the name of the thing."""
    return no_room(error) or error.strerror or str(error)


def remedy(error: OSError) -> str:
    """What to do about *error* when a file could not be written."""
    if no_room(error) is not None:
        return "free some space on that disk, then try again"
    if error.errno == errno.ELOOP:
        return "remove the symbolic link that is in its place"
    return "make that folder writable for this user, then try again"


def no_room_beside(path: Path) -> str | None:
    """Why *path* cannot grow, for lack of space; None if it can.

    A small file is written there and removed, because SQLite says "disk I/O error" both for a full
    and for a broken disk.
    """
    try:
        size = max(_size(path), _size(path.with_name(path.name + "-wal")))
        with draft(path.parent) as probe:
            probe.file.write(bytes(_PROBE))
            probe.file.seek(size)
            probe.file.write(bytes(_PROBE))
            probe.file.flush()
            os.fsync(probe.file.fileno())
    except OSError as error:
        return no_room(error)
    return None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
