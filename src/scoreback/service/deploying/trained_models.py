"""Writes a version to a file, as a model for a SIEM's own machine learning."""

import json
from pathlib import Path

from scoreback.connectors.elastic.native.trained_model import trained_model
from scoreback.errors import ConfigError, DataError
from scoreback.models.portable.making import covers_of, portable_model
from scoreback.models.portable.parity import require_parity
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import stored_artifact
from scoreback.service.state.versions import Versions


def write_trained_model(
    app: App, detector: str, version: str | None, out: Path | None, *, compressed: bool
) -> Path:
    """Write *version*, or else the champion, for Elasticsearch's inference; return the file's path.

    Raises:
        DataError: no version scores yet, and none is named.
        ConfigError: its features cannot be computed there, or the file cannot be written.
        ParityBroken: the written model scores differently from the service.
    """
    versions = Versions(app.state)
    found = versions.get(detector, version) if version else versions.champion(detector)
    if found is None:
        raise DataError(
            f"no version of {detector!r} scores yet", hint="promote one, or name a version"
        )
    artifact = stored_artifact(app, detector, found)
    model = portable_model(artifact, found.version)
    body = trained_model(model, covers_of(artifact), compressed=compressed)
    require_parity(artifact, model)
    path = out or Path(f"{detector}-{found.version}.json")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(body, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the model cannot be written to {path}: {error.strerror}",
            hint="name another file with --out",
        ) from error
    return path
