"""Options and arguments that several commands share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scoreback.service.cli.usage import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scoreback.models.detector.spec import Detector
    from scoreback.service.settings import Settings

Home = Annotated[
    Path | None,
    typer.Option(help="Workspace folder (else SCOREBACK_HOME, else .scoreback).", metavar="FOLDER"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
By = Annotated[
    str, typer.Option(help="Your name, for the audit log (else the system's user).", metavar="NAME")
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="File to write (else named after its content).", metavar="FILE", show_default=False
    ),
]
DetectorFile = Annotated[
    Path, typer.Argument(help="Detector file.", metavar="DETECTOR", show_default=False)
]
SHORT_VERSION = (
    " (its number, such as v2, or the beginning of its name)"  # for the help of a version
)

# Python takes 1772452800000, which is milliseconds since 1970, for a day of the year 1772.
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}|\d{8}($|T)")


def settings(home: Path | None) -> Settings:
    """Settings from the environment; *home*, if given, overrides the workspace."""
    from scoreback.service.settings import Settings

    return Settings.read(home)


def detector(path: Path) -> Detector:
    """The detector of *path*; an error if it names a SIEM whose connector is not installed."""
    from scoreback.service.detectors.detector_files import read_detector

    return read_detector(path)


def files_there(paths: Iterable[Path]) -> None:
    """Refuse *paths* of which one does not exist, or is a folder, before anything is begun."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} does not exist", hint="check the path")
        if path.is_dir():
            raise UsageError(f"{path} is a folder", hint="name the files in it")


def moment(text: str | None, option: str) -> datetime | None:
    """A time from the command line; a date means its midnight, and times without offset are UTC."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text) if _ISO.match(text) else None
    except ValueError:
        found = None
    if found is None:
        raise UsageError(
            f"{option} {text!r} is not a valid time",
            hint="write 2026-01-31 or 2026-01-31T12:00:00+01:00",
        )
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def pairs(given: list[str], option: str, example: str) -> dict[str, str]:
    """NAME=VALUE options as a mapping."""
    found = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name or not value:
            raise UsageError(f"{option} {item!r} is not NAME=VALUE", hint=f"for example {example}")
        found[name] = value
    return found


def now() -> datetime:
    """The current time, which a command reads once and passes on."""
    return datetime.now(UTC)


def user() -> str:
    """The operating system's name of the user who runs the command."""
    import getpass

    return getpass.getuser()
