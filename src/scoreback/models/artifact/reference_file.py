"""The file of an artefact that keeps what it learnt from as counts: no score depends on it."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoreback.errors import ArtifactError
from scoreback.models.judging.reference import Column, Kind, Reference, Usual

REFERENCE = "reference.json"
_RESTORE = "restore the folder from a backup, or train again"


class _Column(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    kind: Kind
    edges: tuple[float, ...] = ()
    known: tuple[str, ...] = ()
    top: int = Field(default=0, ge=0)
    expected: tuple[int, ...]
    usual: tuple[Usual, ...]

    @model_validator(mode="after")
    def _sound(self) -> "_Column":
        if self.top > len(self.known):
            raise ValueError("a category has fewer values than bins of their own")
        if len(self.expected) != _column(self).bins:
            raise ValueError("the counts are not those of the bins")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    artifact: str  # hash of the artefact that it belongs to
    sha256: str  # of the columns as text
    columns: tuple[_Column, ...] = Field(min_length=2)  # scores, entity, then features

    @model_validator(mode="after")
    def _sound(self) -> "_File":
        if self.sha256 != _digest(self.columns):
            raise ValueError("the checksum is not that of the counts")
        return self


def written_reference(reference: Reference, artifact_hash: str) -> bytes:
    """The file for *reference* of the artefact with that hash."""
    columns = tuple(_Column.model_validate(c, from_attributes=True) for c in reference.columns)
    file = _File(artifact=artifact_hash, sha256=_digest(columns), columns=columns)
    return _text(file.model_dump(mode="json"))


def read_reference(path: Path, content: bytes, artifact_hash: str) -> Reference:
    """The reference that the *content* of *path* holds.

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
    scores, entity, *features = map(_column, file.columns)
    return Reference(scores=scores, entity=entity, features=tuple(features))


def _column(stored: _Column) -> Column:
    return Column(**{name: getattr(stored, name) for name in _Column.model_fields})


def _digest(columns: tuple[_Column, ...]) -> str:
    return hashlib.sha256(_text([c.model_dump(mode="json") for c in columns])).hexdigest()


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"
