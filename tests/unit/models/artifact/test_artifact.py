"""An artefact is read back as it was, or not at all."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import xgboost as xgb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.errors import ArtifactError
from scoreback.models.artifact import folder as room
from scoreback.models.artifact.bins import BINS
from scoreback.models.artifact.cold_start import COLD_START
from scoreback.models.artifact.folder import MANIFEST, Artifact, load, save
from scoreback.models.artifact.manifest import ModelFile, canonical
from scoreback.models.artifact.norms_file import NORMS
from scoreback.models.artifact.reference_file import (
    REFERENCE,
    read_reference,
    written_reference,
)
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Lesson
from scoreback.models.training.training import Training

MODEL = "model.ubj"


@pytest.fixture
def folder(training: Training, tmp_path: Path) -> Path:
    save(training.artifact, tmp_path / "v1")
    return tmp_path / "v1"


def refuse(folder: Path, words: str) -> None:
    with pytest.raises(ArtifactError, match=words) as caught:
        load(folder)
    assert caught.value.hint


def test_a_saved_model_scores_as_before(training: Training, folder: Path, rows: pa.Table) -> None:
    loaded = load(folder, expected_hash=training.artifact.artifact_hash)
    assert loaded.artifact_hash == training.artifact.artifact_hash
    before, after = (Scorer(a).score(rows) for a in (training.artifact, loaded))
    np.testing.assert_array_equal(after.scores, before.scores)
    names = [BINS, COLD_START, MANIFEST, MODEL, NORMS, REFERENCE]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert loaded.bins == training.artifact.bins
    assert len(loaded.bins) > 1
    assert loaded.reference == training.artifact.reference is not None
    assert loaded.norms == training.artifact.norms is not None


def test_an_artefact_of_before_has_no_reference_and_the_same_hash(
    training: Training, folder: Path
) -> None:
    (folder / REFERENCE).unlink()
    (folder / NORMS).unlink()
    loaded = load(folder, expected_hash=training.artifact.artifact_hash)
    assert loaded.reference is None
    assert loaded.norms is loaded.usual is None
    save(training.artifact, folder)  # trained again from the same data
    assert load(folder).reference == training.artifact.reference
    assert load(folder).norms == training.artifact.norms


def test_a_reference_does_not_say_which_entities_and_values_there_were(
    training: Training, folder: Path, rows: pa.Table
) -> None:
    kept = (folder / REFERENCE).read_text() + (folder / NORMS).read_text()
    reference = training.artifact.reference
    assert reference is not None
    known = [value for column in reference.columns for value in column.known]
    assert known
    assert all(re.fullmatch("[0-9a-f]{8}", value) for value in known)
    texts = [column for column in rows.columns if pa.types.is_string(column.type)]
    values = {value for column in texts for value in column.drop_null().to_pylist()}
    assert values
    assert not [value for value in values if f'"{value}"' in kept]


def test_a_reference_of_before_that_has_the_values_themselves_is_still_read(
    training: Training,
) -> None:
    reference = training.artifact.reference
    assert reference is not None
    plain = replace(
        reference.entity, kind="category", known=("alpha", "beta"),
        expected=(0, *reference.entity.expected[-2:]),
    )  # fmt: skip
    older = replace(reference, entity=plain)
    written = written_reference(older, "a" * 64)
    again = read_reference(Path(REFERENCE), written, "a" * 64)
    assert again == older
    counts = again.entity.counted(pa.array(["alpha", "gamma", None, "beta"]))
    assert counts.tolist() == [2, 1, 1]


def test_saving_again_changes_nothing_and_another_model_is_not_overwritten(
    training: Training, folder: Path
) -> None:
    before = (folder / MANIFEST).stat().st_mtime_ns
    save(training.artifact, folder)
    assert (folder / MANIFEST).stat().st_mtime_ns == before
    manifest = training.artifact.manifest.model_copy(update={"threshold": 0.5})
    with pytest.raises(ArtifactError, match="another model"):
        save(Artifact(manifest, training.artifact.model), folder)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_changed_byte_is_noticed(folder: Path, data: st.DataObject) -> None:
    path = folder / data.draw(st.sampled_from([BINS, MANIFEST, MODEL, NORMS, REFERENCE]))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    expected = load(folder).artifact_hash
    path.write_bytes(changed)
    try:
        with pytest.raises(ArtifactError):
            load(folder, expected_hash=expected)
    finally:
        path.write_bytes(content)


def test_a_truncated_or_missing_file_is_refused(folder: Path) -> None:
    content = (folder / MODEL).read_bytes()
    (folder / MODEL).write_bytes(content[: len(content) // 2])
    refuse(folder, "checksum")
    (folder / MODEL).unlink()
    refuse(folder, MODEL)
    (folder / MANIFEST).unlink()
    refuse(folder, MANIFEST)
    refuse(folder / "nowhere", "nowhere")


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest as somebody would who knows how it is written."""
    content = json.loads((folder / MANIFEST).read_bytes())
    change(content)
    text = json.dumps(content, sort_keys=True, indent=1)
    (folder / MANIFEST).write_text(text + "\n")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(extra=1), "extra"),
        (lambda m: m.pop("threshold"), "threshold"),
        (lambda m: m.update(threshold=1.5), "threshold"),
        (lambda m: m.update(threshold="0.5"), "by hand"),
        (lambda m: m.update(format_version=2), "format version 2"),
        (lambda m: m.update(format="other"), "no model of Scoreback"),
        (lambda m: m.update(algorithm="../xgboost"), "does not know"),
        (lambda m: m["model"].update(name="../../etc/passwd"), "does not know"),
        (lambda m: m["model"].update(sha256="0" * 64), "checksum"),
        (lambda m: m["risk"].update(risks=[0.0, 0.0, 0.0, 0.0, 0.0]), "risk"),
        (lambda m: m["vocabularies"].clear(), "vocabularies"),
        (lambda m: m["features"].pop(), "takes 4 features"),
        (lambda m: m["features"][1].update(kind="pickle"), "features"),
        (lambda m: m["metrics"].update(precision=float("nan")), "metrics"),
    ],
)
def test_a_manifest_that_was_written_to_deceive_is_refused(
    folder: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    rewrite(folder, change)
    refuse(folder, words)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_what_is_no_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    refuse(folder, r"damaged|no model")


def test_a_model_file_of_another_model_is_refused_even_with_its_own_checksum(
    folder: Path,
) -> None:
    """Its checksum fits, its features don't."""
    other = xgb.train(
        {"objective": "binary:logistic", "nthread": 1},
        xgb.DMatrix(np.eye(7), np.array([0, 1] * 3 + [1]), nthread=1),
        2,
    )
    stored = bytes(other.save_raw("ubj"))
    (folder / MODEL).write_bytes(stored)
    refuse(folder, "checksum")
    rewrite(folder, lambda m: m["model"].update(sha256=hashlib.sha256(stored).hexdigest()))
    refuse(folder, "takes 7 features")
    (folder / MODEL).write_bytes(b"\x80\x04N.")
    rewrite(folder, lambda m: m["model"].update(sha256=hashlib.sha256(b"\x80\x04N.").hexdigest()))
    refuse(folder, "is not a valid model")


def test_a_foreign_folder_a_stranger_and_a_link_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("hello")
    refuse(folder, r"notes\.txt")
    (folder / "notes.txt").unlink()
    shutil.move(folder / MODEL, tmp_path / "elsewhere")
    (folder / MODEL).symlink_to(tmp_path / "elsewhere")
    refuse(folder, "link")
    refuse(tmp_path, MANIFEST)


def test_another_model_in_the_place_of_a_version_is_refused(folder: Path) -> None:
    with pytest.raises(ArtifactError, match="another model"):
        load(folder, expected_hash="0" * 64)


def test_a_full_disk_leaves_nothing_behind(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        path.write_bytes(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room, "write_whole", full)
    with pytest.raises(ArtifactError, match="the disk is full"):
        save(training.artifact, tmp_path / "v1")
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_holds_no_clock_but_as_of(training: Training) -> None:
    text = canonical(training.artifact.manifest).decode()
    assert text.count('"as_of"') == 1
    assert not {"created_at", "host", "user"} & set(json.loads(text))


def test_logistic_regression_is_stored_as_coefficients(training: Training, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(200, 4)).astype(np.float32)
    truth = (matrix[:, 0] > 1).astype(np.int8)
    given = Lesson(
        matrix=matrix, truth=truth, later_matrix=None, later_truth=None, seed=7, threads=1
    )
    model = algorithms()["logistic_regression"].fit(given)
    file = ModelFile(name="linear.json", sha256=hashlib.sha256(model.to_bytes()).hexdigest())
    manifest = training.artifact.manifest.model_copy(
        update={"algorithm": "logistic_regression", "model": file}
    )
    save(Artifact(manifest, model), tmp_path / "linear")
    loaded = load(tmp_path / "linear").model
    np.testing.assert_array_equal(loaded.margin(matrix), model.margin(matrix))
