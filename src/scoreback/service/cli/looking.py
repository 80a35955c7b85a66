"""Opens a workspace for commands that do not create one: they read it, or change what is there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from scoreback.errors import ConfigError
from scoreback.service.app import App, opened
from scoreback.service.cli import options, show
from scoreback.service.connections import connection_of


@contextmanager
def looked_at(home: Path | None, clock: Callable[[], datetime] | None = None) -> Iterator[App]:
    """Open the workspace; if there is none, say so and open an empty temporary one.

    So a command can read a SIEM that the environment names before there is a workspace.

    Raises:
        ConfigError: as `opened` says.
    """
    settings = options.settings(home)
    if settings.home.exists():
        with opened(settings, clock=clock) as app:
            yield app
        return
    connection_of(settings)  # errors name the paths of the workspace
    with TemporaryDirectory(prefix="scoreback-") as folder:
        empty = settings.model_copy(update={"home": Path(folder)})
        with opened(empty, clock=clock) as app:
            show.warn(
                f"there is no workspace in {place(settings.home)}, and this command does not"
                " create one",
                hint="name one with --home or SCOREBACK_HOME",
            )
            yield app


@contextmanager
def existing(home: Path | None, clock: Callable[[], datetime] | None = None) -> Iterator[App]:
    """Open the workspace, which must exist.

    Raises:
        ConfigError: there is no workspace, or as `opened` says.
    """
    settings = options.settings(home)
    if not settings.home.exists():
        raise ConfigError(
            f"there is no workspace in {place(settings.home)}",
            hint="name one with --home or SCOREBACK_HOME",
        )
    with opened(settings, clock=clock) as app:
        yield app


def place(home: Path) -> str:
    """The absolute path of a workspace."""
    return str(home.absolute())
