"""The state on a disk that is full, shared, or damaged: said as what it is, and nothing is lost."""

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoreback.errors import StateError
from scoreback.service.state.batches import Batch, Progress
from scoreback.service.state.locks import hold_lock
from scoreback.service.state.workspace_state import State
from tests.small_disk import fill, small_disk

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
AFTER = Progress(detector="d", plan_hash="p", watermark=T, score_since=T)


def batch(name: str) -> Batch:
    return Batch(
        batch_id=name, detector="d", version="v1-00000000", since=T, until=T,
        outbox=f"{name}.arrow", next_progress=AFTER,
    )  # fmt: skip


def begin_many(state: State, name: str) -> None:
    """Write until there is no room any more."""
    for number in range(2000):
        state.begin_batch(batch(f"{name}-{number}-{'x' * 500}"))


def test_a_full_disk_is_told_as_one_while_open_and_when_opened(tmp_path: Path) -> None:
    with small_disk(tmp_path, 1024) as disk:
        folder = disk / "state"
        with State.open(folder) as state:
            state.begin_batch(batch("first"))
            filler = fill(disk, left=40_000)
            with pytest.raises(StateError, match="the disk is full") as caught:
                begin_many(state, "b")
            assert "nothing is lost" in caught.value.hint
        filler.unlink()
        filler = fill(disk)
        with pytest.raises(StateError) as caught, State.open(folder) as state:
            begin_many(state, "c")
        assert "the disk is full" in caught.value.message
        assert "away" not in caught.value.hint
        filler.unlink()
        with State.open(folder) as state:
            assert state.open_batches("d")[0] == batch("first")


def test_a_limit_on_the_size_of_files_is_never_called_damage(tmp_path: Path) -> None:
    code = """if True:
        import pathlib, resource, sys
        from scoreback.errors import StateError
        from scoreback.service.state.workspace_state import State
        from tests.unit.service.state.test_state_disk import begin_many
        with State.open(pathlib.Path(sys.argv[1])) as state:
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
            try:
                begin_many(state, "b")
            except StateError as error:
                print(error, "|", error.hint)
    """
    root = Path(__file__).parents[4]
    out = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "state"], check=True, capture_output=True,
        text=True, cwd=root,
    )  # fmt: skip
    assert "limit on the size of files" in out.stdout
    assert "damaged" not in out.stdout
    with State.open(tmp_path / "state") as state:
        assert state.open_batches("d")


def test_everything_in_a_state_is_its_owners_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with State.open(tmp_path / "home" / "state") as state, state.lock("d"):
            state.begin_batch(batch("b"))
            found = {
                path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
                for path in tmp_path.rglob("*")
            }
    finally:
        os.umask(before)
    folders = {name for name in found if (tmp_path / name).is_dir()}
    assert {found[name] for name in folders} == {0o700}
    assert {mode for name, mode in found.items() if name not in folders} == {0o600}
    assert "home/state/state.sqlite-wal" in found
    assert "home/state/locks/d.lock" in found


@pytest.mark.parametrize("name", ["d.lock", "d.pid", "state.migrating"])
def test_a_link_in_the_place_of_our_files_is_never_written_through(
    tmp_path: Path, name: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    folder = tmp_path / "state"
    if name == "state.migrating":
        folder.mkdir()
        (folder / name).symlink_to(victim)
        with pytest.raises(StateError, match=r"symbolic link") as caught:
            State.open(folder)
        assert "remove" in caught.value.hint
    else:
        State.open(folder).close()
        (folder / "locks" / name).symlink_to(victim)
        try:
            with hold_lock(folder / "locks", "d", what="it"):
                pass
        except StateError as error:
            assert "symbolic link" in error.message  # noqa: PT017 - a pid is for people only
    assert victim.read_bytes() == b"precious"


def test_a_state_file_that_is_gone_is_not_taken_for_a_new_state(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        state.begin_batch(batch("b"))
    (tmp_path / "state.sqlite").rename(tmp_path / "kept")
    for _ in range(2):
        with pytest.raises(StateError, match=r"state\.sqlite is gone") as caught:
            State.open(tmp_path)
        assert "state.sqlite-wal" in caught.value.hint
        assert not (tmp_path / "state.sqlite").exists()
    (tmp_path / "state.sqlite").touch()
    with pytest.raises(StateError, match=r"state\.sqlite is empty"):
        State.open(tmp_path)
    (tmp_path / "kept").replace(tmp_path / "state.sqlite")
    with State.open(tmp_path) as state:
        assert state.open_batches("d") == [batch("b")]


def test_leftovers_of_killed_processes_are_swept_when_it_is_opened(tmp_path: Path) -> None:
    State.open(tmp_path).close()
    (tmp_path / "refused").mkdir()
    left = [tmp_path / ".0123456789abcdef.draft", tmp_path / "refused" / ".0123456789abcdef.draft"]
    for path in left:
        path.write_bytes(b"half")
    State.open(tmp_path).close()
    assert not any(path.exists() for path in left)


def test_reading_does_not_wait_for_a_writer_that_is_frozen(tmp_path: Path) -> None:
    with State.open(tmp_path) as state:
        state.begin_batch(batch("b"))
    code = """if True:
        import os, pathlib, signal, sys
        from scoreback.service.state.workspace_state import State
        from tests.unit.service.state.test_state_disk import AFTER
        with State.open(pathlib.Path(sys.argv[1])) as state, state.lock("d"):
            with state.database.writes() as connection:
                connection.exec_driver_sql("DELETE FROM batches")
                print("holding", flush=True)
                os.kill(os.getpid(), signal.SIGSTOP)
    """
    root = Path(__file__).parents[4]
    frozen = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, cwd=root
    )
    try:
        assert frozen.stdout is not None
        assert frozen.stdout.readline() == b"holding\n"
        with State.open(tmp_path) as state:
            assert state.open_batches("d") == [batch("b")]
    finally:
        frozen.send_signal(signal.SIGKILL)
        frozen.communicate()
