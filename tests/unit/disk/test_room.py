"""A full disk is told as a full disk: by what an error says, or by asking the disk."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scoreback.disk.room import no_room, no_room_beside, reason, remedy
from tests.small_disk import fill, small_disk


@pytest.mark.parametrize(
    ("code", "says"),
    [(errno.ENOSPC, "disk is full"), (errno.EDQUOT, "quota"), (errno.EFBIG, "limit")],
)
def test_errors_of_no_room_are_told_apart_from_others(code: int, says: str) -> None:
    error = OSError(code, os.strerror(code))
    assert says in str(no_room(error))
    assert says in reason(error)
    assert "free some space" in remedy(error)
    wrapped = ValueError("as an engine tells it")
    wrapped.__cause__ = error
    assert says in str(no_room(wrapped))


def test_other_errors_say_nothing_of_room() -> None:
    denied = OSError(errno.EACCES, "Permission denied")
    assert no_room(denied) is None
    assert (reason(denied), "writable" in remedy(denied)) == ("Permission denied", True)
    assert no_room(RuntimeError("IO Error: No space left on device")) == "the disk is full"


def test_a_disk_with_room_is_not_called_full(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert no_room_beside(path) is None
    path.write_bytes(b"some")
    assert no_room_beside(path) is None
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    with small_disk(tmp_path, 512) as disk:
        filler = fill(disk, left=50_000)
        assert no_room_beside(disk / "state.sqlite") == "the disk is full"
        assert list(disk.iterdir()) == [filler]


def test_a_limit_on_the_size_of_files_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(200_000))
    code = """if True:
        import pathlib, resource, sys
        from scoreback.disk.room import no_room_beside
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        print(no_room_beside(pathlib.Path(sys.argv[1])))
    """
    out = subprocess.run(
        [sys.executable, "-c", code, path], check=True, capture_output=True, text=True
    )
    assert "limit on the size of files" in out.stdout
