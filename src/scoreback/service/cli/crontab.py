"""The schedule of a detector as lines of a crontab that work from any folder."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scoreback.models.detector.spec import Detector

if TYPE_CHECKING:  # `validate` without --crontab needs no settings
    from scoreback.service.settings import Settings

_PATHS = frozenset({"connection_file"})


def lines(file: Path, detector: Detector, settings: "Settings") -> list[str]:
    """One line for scoring *detector* and one for training it.

    Each line names the command, *file* and the workspace by absolute paths, as cron starts in the
    home folder with a short PATH. It also names the settings that are in the environment now.
    Secrets of connections are not written here, even if they are in the environment: cron needs a
    file for them.
    """
    environment = [f"{name}={shlex.quote(text)}" for name, text in _environment(settings).items()]
    home = f"--home {_quoted(settings.home)}"
    return [
        f"{line} {_escaped(' '.join([*environment, _command(), name, _quoted(file), home]))}"
        for name, line in (("score", detector.schedule.score), ("train", detector.schedule.train))
    ]


def _environment(settings: "Settings") -> Mapping[str, str]:
    """The settings that are environment variables, except the workspace, which is an option."""
    from scoreback.service.settings import PREFIX

    found = {}
    for name in sorted(type(settings).model_fields):
        variable = f"{PREFIX}{name.upper()}"
        if name == "home" or variable not in os.environ:
            continue
        text = os.environ[variable]
        found[variable] = os.path.abspath(text) if name in _PATHS else text  # noqa: PTH100 - link
    return found


def _command() -> str:
    """The absolute path of the command that is running."""
    called = shutil.which(sys.argv[0])
    if called is not None and Path(called).name == "scoreback":
        return _quoted(Path(called))
    return f"{_quoted(Path(sys.executable))} -m scoreback"


def _quoted(path: Path) -> str:
    # Links are kept: a link may point to the newest installation.
    return shlex.quote(os.path.abspath(path))  # noqa: PTH100


def _escaped(command: str) -> str:
    """Cron takes ``%`` as the end of the line."""
    return command.replace("%", "\\%")
