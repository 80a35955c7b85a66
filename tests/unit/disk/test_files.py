"""Files for their owner only, whole or not at all, never through a link; leftovers are swept."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scoreback.disk.files import (
    create,
    draft,
    draft_folder,
    open_to_others,
    private_folder,
    sweep,
    unlinked,
    write_whole,
)


@pytest.fixture(params=[0o000, 0o022, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_files_and_folders_are_the_owners_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, b"text")
    with draft_folder(tmp_path / "a") as folder:
        folder.keep(tmp_path / "a" / "folder")
    assert mode(path) == 0o600
    assert [mode(p) for p in (path.parent, tmp_path / "a", tmp_path / "a" / "folder")] == [
        0o700
    ] * 3


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert private_folder(tmp_path) == tmp_path
    assert mode(tmp_path) == 0o755


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_whole(target, b"before")
    with draft(tmp_path) as new, draft_folder(tmp_path) as folder:
        new.file.write(b"after")
        (folder.path / "inside").write_text("half", encoding="ascii")
        assert len(list(tmp_path.iterdir())) == 3
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_link_is_replaced_or_refused_and_never_written_through(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_bytes(b"precious")
    link.symlink_to(victim)
    for exist_ok in (False, True):
        with pytest.raises(OSError, match=r"link|exists"):
            create(link, exist_ok=exist_ok)
    with pytest.raises(OSError, match="symbolic link"):
        unlinked(link)
    write_whole(link, b"ours")
    assert victim.read_bytes() == b"precious"
    assert (link.is_symlink(), link.read_bytes()) == (False, b"ours")


def test_a_pipe_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        create(tmp_path / "pipe", exist_ok=True)


def test_a_digest_is_of_what_was_written_so_far(tmp_path: Path) -> None:
    with draft(tmp_path) as new:
        new.file.write(b"abc")
        assert new.sha256().startswith("ba7816bf")
        new.file.write(b"d")
        assert new.sha256().startswith("88d4266f")
        new.keep(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"abcd"


def test_a_sweep_takes_what_a_killed_process_left_and_nothing_else(tmp_path: Path) -> None:
    code = """if True:
        import os, pathlib, signal, sys
        from scoreback.disk.files import draft, draft_folder
        folder = pathlib.Path(sys.argv[1])
        with draft(folder) as file, draft_folder(folder) as inner:
            (inner.path / "deep").mkdir()
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", code, tmp_path], check=False)
    assert ended.returncode == -signal.SIGKILL
    others = [tmp_path / name for name in ("mine.tmp", "a.partial", ".hidden.draft")]
    for other in others:
        other.write_bytes(b"somebody's")
    assert len(list(tmp_path.iterdir())) == 5
    with draft(tmp_path) as alive, draft_folder(tmp_path) as also_alive:
        assert sweep(tmp_path) == 2
        assert alive.path.exists()
        assert also_alive.path.exists()
    assert sorted(tmp_path.iterdir()) == sorted(others)
    assert sweep(tmp_path, also=".partial") == 1
    assert sweep(tmp_path / "nowhere") == 0


def test_what_others_can_reach_is_told_from_what_they_cannot(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    for folder in (shared, *shared.parents):
        if folder.is_relative_to(tmp_path):
            folder.chmod(0o755)
    reachable = all(parent.stat().st_mode & 0o011 for parent in tmp_path.parents)
    assert open_to_others(shared) is reachable
    tmp_path.chmod(0o700)
    assert not open_to_others(shared)
    assert not open_to_others(tmp_path / "nowhere")
