"""The workspace of a command that makes none: it reads only, or changes what is there."""

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
    """Open the workspace; where there is none, say so and look at an empty one that is let go of.

    So a SIEM that the environment names can be looked at before there is a workspace.

    Raises:
        ConfigError: as `opened` says.
    """
    settings = options.settings(home)
    if settings.home.exists():
        with opened(settings, clock=clock) as app:
            yield app
        return
    connection_of(settings)  # what is wrong is told with the workspace's own paths
    with TemporaryDirectory(prefix="scoreback-") as folder:
        empty = settings.model_copy(update={"home": Path(folder)})
        with opened(empty, clock=clock) as app:
            show.warn(
                f"there is no workspace in {place(settings.home)}; none is made by looking",
                hint="name another with --home or SCOREBACK_HOME",
            )
            yield app


@contextmanager
def existing(home: Path | None, clock: Callable[[], datetime] | None = None) -> Iterator[App]:
    """Open the workspace, to change what is there.

    Raises:
        ConfigError: there is none; else as `opened` says.
    """
    settings = options.settings(home)
    if not settings.home.exists():
        raise ConfigError(
            f"there is no workspace in {place(settings.home)}",
            hint="name another with --home or SCOREBACK_HOME",
        )
    with opened(settings, clock=clock) as app:
        yield app


def place(home: Path) -> str:
    """Where a workspace is, as a person finds it from any folder."""
    return str(home.absolute())
