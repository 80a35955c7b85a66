"""The artefact's file of counts of its training data; no score depends on it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scoreback.models.artifact.sealed_file import SealedFile, as_text, digest_of, read_sealed
from scoreback.models.judging.reference import Column, Kind, Reference, Usual

REFERENCE = "reference.json"


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


class _File(SealedFile):
    columns: tuple[_Column, ...] = Field(min_length=2)  # scores, entity, then features

    @model_validator(mode="after")
    def _sound(self) -> "_File":
        if self.sha256 != digest_of([c.model_dump(mode="json") for c in self.columns]):
            raise ValueError("the checksum is not that of the counts")
        return self


def written_reference(reference: Reference, artifact_hash: str) -> bytes:
    """The content of the file that holds *reference* for the artefact with that hash."""
    columns = tuple(_Column.model_validate(c, from_attributes=True) for c in reference.columns)
    file = _File(
        artifact=artifact_hash,
        sha256=digest_of([c.model_dump(mode="json") for c in columns]),
        columns=columns,
    )
    return as_text(file.model_dump(mode="json"))


def read_reference(path: Path, content: bytes, artifact_hash: str) -> Reference:
    """The reference in *content*, which was read from *path*.

    Raises:
        ArtifactError: the file is damaged, or belongs to another artefact.
    """
    file = read_sealed(_File, path, content, artifact_hash)
    scores, entity, *features = map(_column, file.columns)
    return Reference(scores=scores, entity=entity, features=tuple(features))


def _column(stored: _Column) -> Column:
    return Column(**{name: getattr(stored, name) for name in _Column.model_fields})
