"""A disk of its own that is full soon, for tests of what is said then."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(parent: Path, kibibytes: int) -> Iterator[Path]:
    """A new disk with that much room below *parent*; skips the test where none can be mounted."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    folder = parent / "disk"
    folder.mkdir()
    if mount is None or umount is None or not _mounted(mount, folder, kibibytes):
        pytest.skip("mounting a disk of its own needs more rights")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", str(folder)], check=True)


def fill(disk: Path, *, left: int = 0) -> Path:
    """A file that takes all of the *disk* but *left* bytes."""
    path = disk / "filler"
    free = shutil.disk_usage(disk).free
    path.write_bytes(bytes(max(0, free - left)))
    return path


def _mounted(mount: str, folder: Path, kibibytes: int) -> bool:
    command = [mount, "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
