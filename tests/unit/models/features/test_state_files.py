"""Window state on disk: what is read is what was written, or an error that names the file."""

import errno
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.errors import StateError
from scoreback.models.features.online import OnlineFeatures, Step
from scoreback.models.features.state_files import StateFiles, StateFolder
from scoreback.records import TimeWindow
from tests.unit.models.features.test_windows import FIELDS, PLAN, START, Event, batch_of

EVENTS: list[Event] = [(n * 7, 0, f"10.0.0.{n % 3}", "ab"[n % 2], str(n)) for n in range(40)]
MIDDLE = START + timedelta(seconds=200)
END = START + timedelta(seconds=600)


def stepped(folder: Path, *, first: bool, state: StateFiles) -> Step:
    """The first or the second step over the events, from *state* on."""
    since, until = (START, MIDDLE) if first else (MIDDLE, END)
    low, high = (0, 29) if first else (29, 40)
    online = OnlineFeatures(PLAN, folder, FIELDS)
    try:
        return online.step(
            pa.Table.from_batches([batch_of(EVENTS[low:high], range(low, high)).batch]),
            TimeWindow(since=since, until=until),
            state,
            ready_until=until,
            score_since=START,
        )
    finally:
        online.close()


@pytest.fixture(scope="module")
def kept() -> Iterator[tuple[Path, StateFiles]]:
    with TemporaryDirectory() as name:
        yield Path(name), stepped(Path(name), first=True, state=StateFiles()).state


@settings(max_examples=20)
@given(
    kind=st.sampled_from(["raw", "sums", "pending"]), place=st.floats(0, 1), bit=st.integers(0, 7)
)
def test_a_flipped_bit_is_an_error_that_names_the_file(
    kept: tuple[Path, StateFiles], kind: str, place: float, bit: int
) -> None:
    folder, state = kept
    name = f"{kind}-{state.slices[0]}.parquet" if kind != "pending" else state.pending
    assert name is not None
    path = folder / name
    sound = path.read_bytes()
    content = bytearray(sound)
    content[min(int(place * len(content)), len(content) - 1)] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(StateError, match=re.escape(name)) as caught:
        stepped(folder, first=False, state=state)
    assert str(folder) in caught.value.hint
    path.write_bytes(sound)


def test_a_step_that_is_run_again_writes_the_same_names(tmp_path: Path) -> None:
    first = stepped(tmp_path, first=True, state=StateFiles()).state
    assert stepped(tmp_path, first=True, state=StateFiles()).state == first


def test_files_of_a_version_without_digests_are_read_and_made_smaller(tmp_path: Path) -> None:
    state = stepped(tmp_path, first=True, state=StateFiles()).state
    right = stepped(tmp_path, first=False, state=state).rows
    (slice_,) = state.slices
    bare = slice_.partition(".")[0]
    for kind in ("raw", "sums"):
        (tmp_path / f"{kind}-{slice_}.parquet").rename(tmp_path / f"{kind}-{bare}.parquet")
    assert state.pending is not None
    pending = f"{state.pending.partition('.')[0]}.parquet"
    (tmp_path / state.pending).rename(tmp_path / pending)
    old = StateFiles((bare,), pending)
    assert stepped(tmp_path, first=False, state=old).rows == right


def test_a_changed_file_is_noticed_within_one_run_too(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path, ["raw"])
    name = folder.write([pa.table({"n": [1, 2, 3]})], "0-1")
    (path,) = folder.paths(name)
    assert folder.read("raw", name)["n"].to_pylist() == [1, 2, 3]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StateError, match="is not what was written"):
        folder.checked("raw", name)
    path.unlink()
    with pytest.raises(StateError, match="is missing"):
        folder.checked("raw", name)


def test_what_a_killed_process_left_is_swept_and_nothing_that_counts(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path, ["raw"])
    name = folder.write([pa.table({"n": [1]})], "0-1")
    other = folder.write([pa.table({"n": [2]})], "1-2")
    for left in (".0123456789abcdef.draft", "raw-0-1.parquet.partial"):
        (tmp_path / left).write_bytes(b"half")
    folder.forget_all_but(folder.paths(name))
    assert [path.name for path in tmp_path.iterdir()] == [f"raw-{name}.parquet"]
    with pytest.raises(StateError, match="is missing"):
        folder.checked("raw", other)


def test_a_full_disk_is_told_as_one_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="the disk is full") as caught:
        StateFolder(tmp_path, ["raw"]).write([pa.table({"n": [1]})], "0-1")
    assert "nothing is lost" in caught.value.hint
    assert not list(tmp_path.iterdir())
