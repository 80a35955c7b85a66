"""One embedded SIEM on disk: its folder, its ledger and its segments."""

import re
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.ledger import Ledger
from scoreback.connectors.local.storage.segments import Segments
from scoreback.disk.files import private_folder, sweep
from scoreback.disk.room import reason, remedy
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable

LEDGER = "siem.sqlite"
LOOKUP_IDS = 500  # ids in one query; SQLite takes 32,766 variables, older builds 999

_STREAM = re.compile(r"[a-z0-9][a-z0-9._\-]{0,62}")


class Store:
    """What every door of the embedded SIEM works on."""

    def __init__(self, folder: Path) -> None:
        """Open the SIEM in *folder*, or make an empty one.

        Raises:
            SiemUnavailable: the folder cannot be made or written.
            SiemRefused: the ledger is damaged, too new, or gone while segments are there.
        """
        self.folder = folder.absolute()
        self.staging = self.folder / "staging"
        try:
            private_folder(self.staging)
            path = self.folder / LEDGER
            if not _holds_something(path) and _holds_segments(self.folder):
                raise SiemRefused(
                    f"{path} is gone, but {self.folder} holds segments that it listed: without it"
                    " alerts, verdicts and rules are lost",
                    hint="restore siem.sqlite and siem.sqlite-wal from the same backup; without"
                    " one, move the folder away and load the exports again",
                )
            self.ledger = Ledger(path)
            self._sweep()
        except OSError as error:
            raise SiemUnavailable(
                f"cannot open the embedded SIEM in {folder}: {reason(error)}",
                hint=remedy(error),
            ) from error
        self.segments = Segments(self.folder)

    def _sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for folder in (self.folder, self.staging):
            sweep(folder)
        sweep(self.folder / "rejects", also=".ndjson.tmp")

    def streams(self) -> list[str]:
        """Names of the streams that hold events, sorted."""
        with self.ledger.reading() as connection:
            found = sa.select(ledger.segments.c.stream).where(ledger.segments.c.kind == "events")
            return sorted(connection.scalars(found.distinct()))


def _holds_something(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _holds_segments(folder: Path) -> bool:
    return any(any(folder.glob(f"{kind}/**/*.parquet")) for kind in ("events", "scores"))


def stream_name(name: str) -> str:
    """*name*, if a stream may be called so.

    Raises:
        ConfigError: it may not.
    """
    if not _STREAM.fullmatch(name):
        raise ConfigError(
            f"a stream cannot be called {name!r}",
            hint="use up to 63 lower-case letters, digits, '.', '_' and '-', not first",
        )
    return name


def folder_of(settings: Mapping[str, object]) -> Path:
    """The folder that the connection's *settings* name.

    Raises:
        ConfigError: a setting is missing, unknown or of the wrong type.
    """
    unknown = sorted(set(settings) - {"path"})
    if unknown:
        raise ConfigError(
            f"the embedded SIEM has no setting {unknown[0]!r}", hint="its only setting is: path"
        )
    path = settings.get("path")
    if not isinstance(path, str | Path) or not str(path):
        raise ConfigError(
            f"setting path of the embedded SIEM is {path!r}, not the name of a folder",
            hint="set path to the folder that keeps its events, for example .scoreback/siem",
        )
    return Path(path)
