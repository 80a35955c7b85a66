"""JSON files of an artefact that no score depends on; each names its artefact and a checksum."""

import hashlib
import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scoreback.errors import ArtifactError

_RESTORE = "restore the folder from a backup, or train again"


class SealedFile(BaseModel):
    """What every such file holds; each kind adds its content."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    artifact: str  # hash of the artefact that the file belongs to
    sha256: str


_File = TypeVar("_File", bound=SealedFile)


def as_text(value: object) -> bytes:
    """*value* as it is written to such a file."""
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def digest_of(value: object) -> str:
    """The checksum of *value*."""
    return hashlib.sha256(as_text(value)).hexdigest()


def read_sealed(kind: type[_File], path: Path, content: bytes, artifact_hash: str) -> _File:
    """Parse *content*, which was read from *path*, as a file of the artefact with that hash.

    Raises:
        ArtifactError: it is damaged, was changed by hand, or belongs to another artefact.
    """
    try:
        file = kind.model_validate_json(content)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise ArtifactError(f"{path} is damaged: {reason}", hint=_RESTORE) from error
    if as_text(file.model_dump(mode="json")) != content:
        raise ArtifactError(f"{path} was changed by hand", hint=_RESTORE)
    if file.artifact != artifact_hash:
        raise ArtifactError(
            f"{path} belongs to another artefact", hint="restore the folder from a backup"
        )
    return file
