"""The artefact's file of scores of training-time events that the model had not learnt from.

They pace a threshold until enough live days have been scored; no score depends on them.
"""

from pathlib import Path

from scoreback.errors import ArtifactError
from scoreback.models.judging.past import Past
from scoreback.models.judging.past_file import read_past, written_past

COLD_START = "cold_start.arrow"
_HASH = 64  # hex digits of the artefact's hash, at the start of the file


def written_cold_start(cold_start: Past, artifact_hash: str) -> bytes:
    """The content of the file that holds *cold_start* for the artefact with that hash."""
    return artifact_hash.encode() + written_past(cold_start)


def read_cold_start(path: Path, content: bytes, artifact_hash: str) -> Past:
    """The cold start in *content*, which was read from *path*.

    Raises:
        ArtifactError: the file is damaged, or belongs to another artefact.
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
