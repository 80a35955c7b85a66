"""The file of an artefact that keeps what is usual, for reasons: no score depends on it."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoreback.errors import ArtifactError
from scoreback.models.judging.norms import Norm, Norms, Seen

NORMS = "norms.json"
_RESTORE = "restore the folder from a backup, or train again"


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


class _File(_Strict):
    artifact: str  # hash of the artefact that it belongs to
    sha256: str  # of the norms as text
    norms: _Norms

    @model_validator(mode="after")
    def _sound(self) -> "_File":
        if self.sha256 != _digest(self.norms):
            raise ValueError("the checksum is not that of the counts")
        return self


def written_norms(norms: Norms, artifact_hash: str) -> bytes:
    """The file for *norms* of the artefact with that hash."""
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
    file = _File(artifact=artifact_hash, sha256=_digest(stored), norms=stored)
    return _text(file.model_dump(mode="json"))


def read_norms(path: Path, content: bytes, artifact_hash: str) -> Norms:
    """The norms that the *content* of *path* holds.

    Raises:
        ArtifactError: it is damaged, or of another artefact.
    """
    try:
        file = _File.model_validate_json(content)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise ArtifactError(f"{path} is damaged: {reason}", hint=_RESTORE) from error
    if _text(file.model_dump(mode="json")) != content:
        raise ArtifactError(f"{path} was changed by hand", hint=_RESTORE)
    if file.artifact != artifact_hash:
        raise ArtifactError(
            f"{path} belongs to another artefact", hint="restore the folder from a backup"
        )
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


def _digest(norms: _Norms) -> str:
    return hashlib.sha256(_text(norms.model_dump(mode="json"))).hexdigest()


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"
