"""Private files, written under a random name and renamed when they are complete.

A file or folder that is being written is a *draft*, locked by the process that writes it. So a
draft without a lock was left behind by a killed process, and `sweep` removes it. Nothing here is
ever written through a symbolic link.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700

_DRAFT = re.compile(r"\.[0-9a-f]{16}\.draft")


def private_folder(path: Path) -> Path:
    """Make the folder *path* and what is missing above it, for the owner only; *path* itself.

    Raises:
        OSError: it cannot be made, or something else is in its place.
    """
    if not path.is_dir():
        private_folder(path.parent)
        try:
            path.mkdir(FOLDER_MODE)
        except FileExistsError:
            if not path.is_dir():
                raise
        else:
            path.chmod(FOLDER_MODE)  # whatever the umask left of it
    return path


def create(path: Path, *, exist_ok: bool = False) -> int:
    """Make an empty file for the owner only, and open it; the descriptor, which the caller closes.

    Raises:
        FileExistsError: it exists and *exist_ok* is not set.
        OSError: it cannot be made, or something other than a file is in its place.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags | os.O_EXCL, FILE_MODE)
    except FileExistsError:
        if not exist_ok:
            raise
        descriptor = os.open(path, flags, FILE_MODE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file", str(path)) from None
        return descriptor
    os.fchmod(descriptor, FILE_MODE)  # whatever the umask left of it
    return descriptor


def unlinked(path: Path) -> Path:
    """*path*, unless it is a symbolic link.

    Raises:
        OSError: it is a symbolic link, which would redirect the write to another file.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, "it is a symbolic link", str(path))
    return path


@dataclass(slots=True)
class Draft:
    """A file that is being written."""

    path: Path
    file: BufferedRandom

    def sha256(self) -> str:
        """Digest of what was written so far."""
        self.file.flush()
        self.file.seek(0)
        found = hashlib.file_digest(self.file, "sha256").hexdigest()
        self.file.seek(0, os.SEEK_END)
        return found

    def keep(self, target: Path) -> None:
        """Rename it to *target* and sync it; an existing file or link is replaced."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.path.replace(target)


@contextmanager
def draft(folder: Path) -> Iterator[Draft]:
    """A new file in *folder*, which is removed at the end unless it was kept."""
    path, descriptor = _new_file(folder)
    with os.fdopen(descriptor, "w+b") as file:
        try:
            yield Draft(path, file)
        finally:
            path.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write *content* to *path*, completely or not at all; create the folder if necessary."""
    with draft(private_folder(path.parent)) as new:
        new.file.write(content)
        new.keep(path)


@dataclass(frozen=True, slots=True)
class DraftFolder:
    """A folder that is being filled."""

    path: Path

    def keep(self, target: Path) -> None:
        """Make it *target*.

        Raises:
            OSError: *target* is there and not empty.
        """
        self.path.rename(target)


@contextmanager
def draft_folder(folder: Path) -> Iterator[DraftFolder]:
    """A new folder in *folder*, which is removed with its content at the end unless it was kept."""
    path, descriptor = _new_folder(folder)
    try:
        yield DraftFolder(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def sweep(folder: Path, *, also: str | None = None) -> int:
    """Remove unfinished files and folders of killed processes in *folder*; return how many.

    Drafts of living processes stay, and so does what cannot be removed.

    Args:
        folder: that is looked through, not what is below it.
        also: how names end that older versions gave to what they had not finished.
    """
    swept = 0
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError), os.scandir(folder) as it:
        for entry in it:
            if _DRAFT.fullmatch(entry.name) or (also and entry.name.endswith(also)):
                swept += _removed(Path(entry.path))
    return swept


def open_to_others(path: Path) -> bool:
    """Whether other users of this machine can read or change *path*, as far as modes tell."""
    if not path.exists() or not path.stat().st_mode & 0o066:
        return False
    return all(parent.stat().st_mode & 0o011 for parent in path.absolute().parents)


def sync_folder(folder: Path) -> None:
    """Sync *folder*, so that a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_name(folder: Path) -> Path:
    return folder / f".{secrets.token_hex(8)}.draft"


def _new_file(folder: Path) -> tuple[Path, int]:
    while True:
        path = _new_name(folder)
        descriptor = create(path)
        if _held(descriptor):
            return path, descriptor
        os.close(descriptor)  # a sweep came in between: try another name


def _new_folder(folder: Path) -> tuple[Path, int]:
    while True:
        with suppress(FileNotFoundError):  # a sweep came in between: try another name
            path = private_folder(_new_name(folder))
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            if _held(descriptor):
                return path, descriptor
            os.close(descriptor)


def _held(descriptor: int) -> bool:
    """Lock a draft that is being written; False if its name is already gone."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _removed(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # gone meanwhile, a link, or not ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
