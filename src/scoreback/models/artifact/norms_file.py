"""The artefact's file of usual values, which reasons show; no score depends on it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scoreback.models.artifact.sealed_file import SealedFile, as_text, digest_of, read_sealed
from scoreback.models.judging.norms import Norm, Norms, Seen

NORMS = "norms.json"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Norm(_Strict):
    rows: int = Field(ge=0)
    missing: int = Field(ge=0)
    low: float | None
    middle: float | None
    high: float | None
    values: dict[str, tuple[int, int, int]]  # rows, labelled, positives
    whole: bool


class _Norms(_Strict):
    unit: str
    presumed: bool
    labelled: int = Field(ge=0)
    positives: int = Field(ge=0)
    features: dict[str, _Norm]


class _File(SealedFile):
    norms: _Norms

    @model_validator(mode="after")
    def _sound(self) -> "_File":
        if self.sha256 != digest_of(self.norms.model_dump(mode="json")):
            raise ValueError("the checksum is not that of the counts")
        return self


def written_norms(norms: Norms, artifact_hash: str) -> bytes:
    """The content of the file that holds *norms* for the artefact with that hash."""
    stored = _Norms(
        unit=norms.unit,
        presumed=norms.presumed,
        labelled=norms.labelled,
        positives=norms.positives,
        features={
            name: _Norm(
                rows=norm.rows, missing=norm.missing, low=norm.low, middle=norm.middle,
                high=norm.high, whole=norm.whole,
                values={v: (n.rows, n.labelled, n.positives) for v, n in norm.values.items()},
            )
            for name, norm in norms.features.items()
        },
    )  # fmt: skip
    file = _File(
        artifact=artifact_hash, sha256=digest_of(stored.model_dump(mode="json")), norms=stored
    )
    return as_text(file.model_dump(mode="json"))


def read_norms(path: Path, content: bytes, artifact_hash: str) -> Norms:
    """The norms in *content*, which was read from *path*.

    Raises:
        ArtifactError: the file is damaged, or belongs to another artefact.
    """
    file = read_sealed(_File, path, content, artifact_hash)
    kept = file.norms
    return Norms(
        unit=kept.unit,
        presumed=kept.presumed,
        labelled=kept.labelled,
        positives=kept.positives,
        features={name: _norm(one) for name, one in kept.features.items()},
    )


def _norm(stored: _Norm) -> Norm:
    content = {name: getattr(stored, name) for name in _Norm.model_fields}
    return Norm(**content | {"values": {v: Seen(*seen) for v, seen in stored.values.items()}})
