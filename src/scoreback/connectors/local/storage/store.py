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
LOOKUP_IDS = 500  # ids per query; SQLite allows 32,766 variables, older builds 999

_STREAM = re.compile(r"[a-z0-9][a-z0-9._\-]{0,62}")


class Store:
    """The storage that all doors of the embedded SIEM share."""

    def __init__(self, folder: Path) -> None:
        """Open the SIEM in *folder*, or create an empty one.

        Raises:
            SiemUnavailable: the folder cannot be created or written.
            SiemRefused: the ledger is damaged, too new, or missing while segments exist.
        """
        self.folder = folder.absolute()
        self.staging = self.folder / "staging"
        try:
            private_folder(self.staging)
            path = self.folder / LEDGER
            if not _holds_something(path) and _holds_segments(self.folder):
                raise SiemRefused(
                    f"{path} is missing, but {self.folder} holds segments that it listed: without"
                    " it"
                    " alerts, verdicts and rules are lost",
                    hint="restore siem.sqlite and siem.sqlite-wal from the same backup; without a"
                    " backup, move the folder away and load the exports again",
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
        """Remove unfinished files of killed processes."""
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
    """*name*, if it is a valid name for a stream.

    Raises:
        ConfigError: the name is not valid.
    """
    if not _STREAM.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not a valid stream name",
            hint="use up to 63 lower-case letters, digits, '.', '_' and '-', and begin with a"
            " letter or digit",
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
            f"setting path of the embedded SIEM is {path!r}, which is not the name of a folder",
            hint="set path to the folder that keeps its events, for example .scoreback/siem",
        )
    return Path(path)
