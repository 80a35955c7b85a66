"""The file of an artefact that holds what its training scored without having learnt from it.

A threshold is paced by it until days have been scored; no score depends on it.
"""

from pathlib import Path

from scoreback.errors import ArtifactError
from scoreback.models.judging.past import Past
from scoreback.models.judging.past_file import read_past, written_past

COLD_START = "cold_start.arrow"
_HASH = 64  # hex digits of the artefact's hash, before all else


def written_cold_start(cold_start: Past, artifact_hash: str) -> bytes:
    """The file for *cold_start* of the artefact with that hash."""
    return artifact_hash.encode() + written_past(cold_start)


def read_cold_start(path: Path, content: bytes, artifact_hash: str) -> Past:
    """What the *content* of *path* holds.

    Raises:
        ArtifactError: it is damaged, or of another artefact.
    """
    if content[:_HASH] != artifact_hash.encode():
        raise ArtifactError(
            f"{path} belongs to another artefact", hint="restore the folder from a backup"
        )
    try:
        return read_past(content[_HASH:])
    except ValueError as error:
        raise ArtifactError(
            f"{path} is damaged: {error}",
            hint="restore the folder from a backup, or train again",
        ) from error
