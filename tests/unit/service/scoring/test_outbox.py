"""Outbox files: what is read is what was written, or an error that names the file."""

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.errors import StateError
from scoreback.records import SCORE_COLUMNS, Enrichment, Histogram, ScoreBatch
from scoreback.service.scoring.outbox import Parcel, load, store

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
PARCEL = Parcel(
    ScoreBatch(
        pa.RecordBatch.from_pylist(
            [
                {
                    "score_id": f"id{n}", "event_id": f"e{n}", "event_ref": "ref", "event_time": T,
                    "scored_at": T, "entity": "amy", "detector": "d", "version": "v1-00000000",
                    "stage": "live", "score": n / 8, "risk": 1.0, "threshold": 1.0,
                    "alert": False, "reasons": None,
                }
                for n in range(8)
            ],
            schema=SCORE_COLUMNS,
        )
    ),
    tuple(
        Histogram(
            histogram_id=name, detector="d", version="v1-00000000", stage="live", since=T,
            until=T + timedelta(minutes=5), edges=(0.5,), counts={T.isoformat(): [8, n]},
        )
        for n, name in enumerate(("b", "c"))
    ),
    Enrichment.NONE,
)  # fmt: skip


@pytest.fixture(scope="module")
def stored() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "d" / "b.arrow"
        store(path, PARCEL)
        yield path


def test_what_was_stored_is_loaded(stored: Path) -> None:
    assert load(stored) == PARCEL
    assert [path.name for path in stored.parent.iterdir()] == ["b.arrow"]


def test_scores_of_a_version_that_knew_no_chance_are_loaded_without(tmp_path: Path) -> None:
    path, name = tmp_path / "b.arrow", "user.name"
    more = PARCEL.scores.batch.append_column(name, pa.array(["amy"] * 8))
    older = more.drop_columns(["chance"])
    about = {"histograms": "[]", "enrichment": "none"}
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, older.schema.with_metadata(about)) as written,
    ):
        written.write_batch(older)
    assert load(path).scores.batch == more


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_an_error_that_names_the_file(
    stored: Path, place: float, bit: int
) -> None:
    content = bytearray(stored.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    damaged = stored.with_name("damaged.arrow")
    damaged.write_bytes(content)
    with pytest.raises(StateError, match=r"damaged\.arrow of a batch in doubt cannot be read"):
        load(damaged)
    damaged.unlink()


@given(kept=st.integers(0, 10_000))
def test_a_file_that_breaks_off_is_an_error(stored: Path, kept: int) -> None:
    content = stored.read_bytes()
    broken = stored.with_name("broken.arrow")
    broken.write_bytes(content[: kept % len(content)])
    try:
        assert load(broken) == PARCEL  # only the seal is gone, to the byte
    except StateError as error:
        assert "broken.arrow" in error.message  # noqa: PT017 - either is right
    broken.unlink()


def test_a_file_of_a_version_without_digests_is_still_read(stored: Path) -> None:
    content = stored.read_bytes()
    old = stored.with_name("old.arrow")
    old.write_bytes(content[: content.rindex(b"ARROW1") + 6])
    assert load(old) == PARCEL
    old.unlink()


def test_a_full_disk_is_told_as_one_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="the disk is full") as caught:
        store(tmp_path / "d" / "b.arrow", PARCEL)
    assert "free some space" in caught.value.hint
    assert not list((tmp_path / "d").iterdir())
