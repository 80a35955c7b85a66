"""Writes the report page of an earlier training."""

from collections.abc import Mapping
from pathlib import Path

from scoreback.errors import ConfigError, DataError
from scoreback.models.report.page import report_page
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.state.versions import Versions
from scoreback.service.training.account import read_account


def write_report(
    app: App,
    detector: str,
    version: str | None,
    out: Path | None,
    notice: str = "",
    came: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Write the report of *version*, else the champion, else the newest; return its path.

    By default the page is named after the version and goes to the current folder. *notice* is put
    on top; what *came* of the version's alerts by now is set beside what training promised.

    Raises:
        DataError: there is no such version, or its account is gone.
        ConfigError: the page cannot be written.
    """
    versions = Versions(app.state)
    found = versions.get(detector, version) if version else _latest(versions, detector)
    page = report_page(
        read_account(app, found), found.status, notice, (came or {}).get(found.version)
    )
    path = out or Path(f"{detector}-{found.version}.html")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the report cannot be written to {path}: {error.strerror}",
            hint="name another file with --out",
        ) from error
    return path


def _latest(versions: Versions, detector: str) -> ModelVersion:
    champion = versions.champion(detector)
    if champion is not None:
        return champion
    every = versions.list(detector)
    if not every:
        raise DataError(
            f"{detector} has no version yet", hint="make one with: scoreback train DETECTOR"
        )
    return max(every, key=lambda version: version.created_at)
