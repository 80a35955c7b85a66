"""Compares files with the digests recorded when they were written."""

import hashlib
from pathlib import Path

_Signature = tuple[int, int, int, int]


class Digests:
    """Remembers which files were compared, so that an unchanged file is read only once."""

    def __init__(self) -> None:
        """Start without compared files."""
        self._equal: dict[Path, tuple[str, _Signature]] = {}

    def equal(self, path: Path, sha256: str) -> bool:
        """Whether the file's sha256, in hex, begins with *sha256*.

        Raises:
            OSError: it cannot be read.
        """
        signature = _signature(path)
        if self._equal.get(path) == (sha256, signature):
            return True
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if not found.startswith(sha256):
            return False
        self._equal[path] = (sha256, signature)
        return True

    def forget(self, path: Path) -> None:
        """Forget a removed file."""
        self._equal.pop(path, None)


def _signature(path: Path) -> _Signature:
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
