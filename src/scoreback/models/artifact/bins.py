"""The artefact's file of bin edges for histograms of its scores."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scoreback.errors import ArtifactError

BINS = "bins.json"


class _Bins(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    artifact: str  # hash of the artefact that the edges belong to
    edges: tuple[float, ...] = Field(min_length=1)
    sha256: str  # of the edges as text

    @model_validator(mode="after")
    def _sound(self) -> "_Bins":
        if any(b <= a for a, b in pairwise(self.edges)):
            raise ValueError("the edges do not rise")
        if self.sha256 != _digest(self.edges):
            raise ValueError("the checksum is not that of the edges")
        return self


def written_bins(edges: tuple[float, ...], artifact_hash: str) -> bytes:
    """The content of the file that holds *edges* for the artefact with that hash."""
    bins = _Bins(artifact=artifact_hash, edges=edges, sha256=_digest(edges))
    return json.dumps(bins.model_dump(mode="json"), sort_keys=True, indent=1).encode() + b"\n"


def read_bins(path: Path, content: bytes, artifact_hash: str) -> tuple[float, ...]:
    """The edges in *content*, which was read from *path*.

    Raises:
        ArtifactError: the file is damaged, or belongs to another artefact.
    """
    try:
        bins = _Bins.model_validate_json(content)
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        raise ArtifactError(
            f"{path} is damaged: {reason}", hint="restore the folder from a backup, or train again"
        ) from error
    if written_bins(bins.edges, bins.artifact) != content:
        raise ArtifactError(
            f"{path} was changed by hand", hint="restore the folder from a backup, or train again"
        )
    if bins.artifact != artifact_hash:
        raise ArtifactError(
            f"{path} belongs to another artefact", hint="restore the folder from a backup"
        )
    return bins.edges


def _digest(edges: tuple[float, ...]) -> str:
    return hashlib.sha256(json.dumps(edges).encode()).hexdigest()
