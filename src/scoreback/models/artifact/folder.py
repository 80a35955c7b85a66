"""A trained model as a folder: a manifest, one model file, and a checksum for each. No pickle.

The hash of an artefact is the sha256 of its manifest, which holds the checksum of the model file,
so it identifies everything that a score depends on. No score depends on the other files of the
folder: the bin edges of score histograms (`artifact.bins`), the scores that pace a threshold at
first (`artifact.cold_start`), counts of the training data (`artifact.reference_file`), and the
usual values in it (`artifact.norms_file`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from scoreback import __version__
from scoreback.disk.files import draft_folder, private_folder, sweep, write_whole
from scoreback.disk.room import reason, remedy
from scoreback.errors import ArtifactError
from scoreback.models.artifact.bins import BINS, read_bins, written_bins
from scoreback.models.artifact.cold_start import COLD_START, read_cold_start, written_cold_start
from scoreback.models.artifact.manifest import (
    FORMAT,
    FORMAT_VERSION,
    DataWindow,
    Manifest,
    ModelFile,
    RiskKnots,
    Text,
    canonical,
)
from scoreback.models.artifact.norms_file import NORMS, read_norms, written_norms
from scoreback.models.artifact.reference_file import (
    REFERENCE,
    read_reference,
    written_reference,
)
from scoreback.models.detector.spec import Detector, EventFeature, WindowFeature
from scoreback.models.judging.norms import Norms, norms_from
from scoreback.models.judging.past import Past
from scoreback.models.judging.reference import Reference
from scoreback.models.judging.threshold import RiskMap
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.model import Model, Parameters
from scoreback.models.learners.texts import TextModel
from scoreback.records import EQUAL_EDGES
from scoreback.regular_file import read_regular

MANIFEST = "manifest.json"
LIBRARIES = ("numpy", "scikit-learn", "xgboost-cpu")
_RESTORE = "restore the folder from a backup, or train again"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A model ready to score, with its manifest."""

    manifest: Manifest
    model: Model
    bins: tuple[float, ...] = EQUAL_EDGES  # bin edges, from its training scores
    cold_start: Past | None = None  # scores of training; None in older artefacts
    reference: Reference | None = None  # counts of the training data; None in older ones
    norms: Norms | None = None  # usual values of the training data; None in older ones

    @property
    def usual(self) -> Norms | None:
        """The usual values of the training data, from its counts where the artefact has no norms.

        None where it has neither.
        """
        if self.norms is None and self.reference is not None:
            return norms_from(self.reference)
        return self.norms

    @property
    def artifact_hash(self) -> str:
        """Identifies exactly this model: sha256 of the canonical manifest."""
        return hashlib.sha256(canonical(self.manifest)).hexdigest()

    @property
    def features(self) -> tuple[EventFeature | WindowFeature, ...]:
        """The feature plan, in the order of the matrix."""
        return self.manifest.features

    @property
    def lag(self) -> timedelta:
        """How late an event may arrive, as it was when the features were computed."""
        return timedelta(seconds=self.manifest.lag_seconds)

    @property
    def encoder(self) -> Encoder:
        """Turns feature rows into the matrix."""
        texts = {n: TextModel(t.intercept, t.weights) for n, t in self.manifest.texts.items()}
        return Encoder(self.manifest.features, self.manifest.vocabularies, texts)

    @property
    def risk_map(self) -> RiskMap:
        """Maps a score to a risk."""
        return RiskMap(self.manifest.risk.log_odds, self.manifest.risk.risks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The results of a finished training that are stored."""

    as_of: datetime
    encoder: Encoder
    model: Model
    parameters: Parameters  # set by a parameter search; all others have their defaults
    threshold: float
    risk_map: RiskMap
    keep_floor: float
    bins: tuple[float, ...]
    cold_start: Past
    metrics: Mapping[str, float]
    since: datetime
    until: datetime
    fit_rows: int
    fit_positives: int
    threshold_rows: int
    row_hash: str
    reference: Reference | None = None
    norms: Norms | None = None


def artifact_of(detector: Detector, fit: Fit) -> Artifact:
    """The artefact made from the *fit* of one training of *detector*."""
    stored = fit.model.to_bytes()
    manifest = Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        detector=detector.name,
        entity=detector.entity,
        unit=detector.unit,
        features=tuple(detector.features),
        lag_seconds=int(detector.lag.total_seconds()),
        algorithm=fit.model.algorithm,
        parameters=dict(fit.parameters),
        seed=detector.train.seed,
        as_of=fit.as_of,
        data=DataWindow(
            since=fit.since, until=fit.until, fit_rows=fit.fit_rows,
            fit_positives=fit.fit_positives, threshold_rows=fit.threshold_rows,
            row_hash=fit.row_hash,
        ),
        vocabularies={name: dict(v) for name, v in fit.encoder.vocabularies.items()},
        texts={
            name: Text(intercept=t.intercept, weights=dict(t.weights))
            for name, t in fit.encoder.texts.items()
        },
        budget=detector.alerts.budget,
        per_entity=int(detector.alerts.per_entity),
        throttle_seconds=int(detector.alerts.throttle.total_seconds()),
        threshold=fit.threshold,
        risk=RiskKnots(log_odds=fit.risk_map.log_odds, risks=fit.risk_map.risks),
        keep_floor=fit.keep_floor,
        metrics=dict(fit.metrics),
        libraries={"scoreback": __version__, **{name: version(name) for name in LIBRARIES}},
        model=ModelFile(
            name=algorithms()[fit.model.algorithm].file,
            sha256=hashlib.sha256(stored).hexdigest(),
        ),
    )  # fmt: skip
    return Artifact(manifest, fit.model, fit.bins, fit.cold_start, fit.reference, fit.norms)


def save(artifact: Artifact, folder: Path) -> None:
    """Write *artifact* to a new *folder*, whole or not at all; saving it again changes nothing.

    Raises:
        ArtifactError: the folder holds something else, or cannot be written.
    """
    if folder.exists():
        if load(folder).artifact_hash != artifact.artifact_hash:
            raise ArtifactError(
                f"{folder} already holds another model",
                hint="choose another folder; artefacts are never overwritten",
            )
        _add_what_is_missing(artifact, folder)
        return
    files = {
        MANIFEST: canonical(artifact.manifest),
        artifact.manifest.model.name: artifact.model.to_bytes(),
        BINS: written_bins(artifact.bins, artifact.artifact_hash),
    }
    if artifact.cold_start is not None:
        files[COLD_START] = written_cold_start(artifact.cold_start, artifact.artifact_hash)
    files |= _learnt_from(artifact)
    try:
        sweep(private_folder(folder.parent))
        with draft_folder(folder.parent) as unfinished:
            for name, content in files.items():
                write_whole(unfinished.path / name, content)
            unfinished.keep(folder)
    except OSError as error:
        raise ArtifactError(
            f"cannot write the artefact {folder}: {reason(error)}",
            hint=f"{remedy(error)}, and train again",
        ) from error


def _learnt_from(artifact: Artifact) -> dict[str, bytes]:
    """The files that describe the training data; no score depends on them."""
    files, own_hash = {}, artifact.artifact_hash
    if artifact.reference is not None:
        files[REFERENCE] = written_reference(artifact.reference, own_hash)
    if artifact.norms is not None:
        files[NORMS] = written_norms(artifact.norms, own_hash)
    return files


def _add_what_is_missing(artifact: Artifact, folder: Path) -> None:
    """Add the files on training data to a model that an older Scoreback stored without them."""
    for name, content in _learnt_from(artifact).items():
        path = folder / name
        if path.exists():
            continue
        try:
            write_whole(path, content)
        except OSError as error:
            raise ArtifactError(
                f"cannot write {path}: {reason(error)}", hint=f"{remedy(error)}, and train again"
            ) from error


def load(folder: Path, *, expected_hash: str | None = None, threads: int = 1) -> Artifact:
    """Read and check the artefact in *folder*.

    Raises:
        ArtifactError: it is missing, damaged, not an artefact, from a newer version, or not the
            one with *expected_hash*.
    """
    if not folder.exists():
        raise ArtifactError(
            f"the model in {folder} is gone: no event can be scored by it",
            hint="restore the folder from a backup; or train again and promote the new version",
        )
    stored = _read(folder, MANIFEST)
    manifest = _parsed(folder, stored)
    if canonical(manifest) != stored:
        raise ArtifactError(f"{folder / MANIFEST} was changed by hand", hint=_RESTORE)
    if expected_hash is not None and hashlib.sha256(stored).hexdigest() != expected_hash:
        raise ArtifactError(
            f"{folder} holds another model than the version that points to it", hint=_RESTORE
        )
    algorithm = algorithms().get(manifest.algorithm)
    if algorithm is None or manifest.model.name != algorithm.file:
        raise ArtifactError(
            f"{folder} names a model file or an algorithm that this version does not know: "
            f"{manifest.algorithm!r} in {manifest.model.name!r}",
            hint="update scoreback, or train again",
        )
    content = _read(folder, algorithm.file)
    if hashlib.sha256(content).hexdigest() != manifest.model.sha256:
        raise ArtifactError(
            f"{folder / algorithm.file} is damaged or belongs to another model: its checksum is "
            "not that of the manifest",
            hint=_RESTORE,
        )
    ours = {MANIFEST, BINS, COLD_START, REFERENCE, NORMS, algorithm.file}
    if strangers := sorted({path.name for path in folder.iterdir()} - ours):
        raise ArtifactError(
            f"{folder} holds a file that does not belong to the model: {strangers[0]!r}",
            hint="move it elsewhere; nobody else writes into an artefact",
        )
    try:
        model = algorithm.from_bytes(content, threads)
    except ValueError as error:
        raise ArtifactError(
            f"{folder / algorithm.file} is not a valid model: {error}", hint=_RESTORE
        ) from error
    if model.width != len(manifest.features):
        raise ArtifactError(
            f"{folder / algorithm.file} takes {model.width} features, the manifest names "
            f"{len(manifest.features)}",
            hint=_RESTORE,
        )
    own_hash = hashlib.sha256(stored).hexdigest()
    bins, cold_start, reference, norms = EQUAL_EDGES, None, None, None  # older artefacts lack these
    if (folder / BINS).exists():
        bins = read_bins(folder / BINS, _read(folder, BINS), own_hash)
    if (folder / COLD_START).exists():
        cold_start = read_cold_start(folder / COLD_START, _read(folder, COLD_START), own_hash)
    if (folder / REFERENCE).exists():
        reference = read_reference(folder / REFERENCE, _read(folder, REFERENCE), own_hash)
    if (folder / NORMS).exists():
        norms = read_norms(folder / NORMS, _read(folder, NORMS), own_hash)
    return Artifact(manifest, model, bins, cold_start, reference, norms)


def _parsed(folder: Path, stored: bytes) -> Manifest:
    path = folder / MANIFEST
    try:
        content = json.loads(stored)
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{path} is damaged: it is not JSON", hint=_RESTORE) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ArtifactError(
            f"{folder} holds no model of Scoreback's",
            hint="point to a folder written by scoreback train",
        )
    if content.get("format_version") != FORMAT_VERSION:
        raise ArtifactError(
            f"{path} has format version {content.get('format_version')!r}, this program reads "
            f"{FORMAT_VERSION}",
            hint="update scoreback, or train again with this version",
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "manifest"
        raise ArtifactError(
            f"{path} is damaged at {place}: {first['msg']}", hint=_RESTORE
        ) from error


def _read(folder: Path, name: str) -> bytes:
    path = folder / name
    try:
        if path.is_symlink():
            raise ArtifactError(
                f"{path} is a link out of the artefact", hint="copy the real file there"
            )
        return read_regular(path)
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path}: {error.strerror or error}",
            hint="point to a folder written by scoreback train, or restore it from a backup",
        ) from error
