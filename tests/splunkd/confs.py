"""Configuration as splunkd holds it: stanzas of an app, a default layer below a local one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from tests.splunkd import conf_files

SYSTEM = "system"
NOBODY = "nobody"


@dataclass
class Stanza:
    """One stanza of one app."""

    conf: str
    name: str
    app: str
    owner: str
    sharing: str
    default: dict[str, str] = field(default_factory=dict)
    local: dict[str, str] = field(default_factory=dict)
    perms: dict[str, list[str]] = field(
        default_factory=lambda: {"read": ["*"], "write": ["admin", "power"]}
    )

    @property
    def values(self) -> dict[str, str]:
        """What is in force: the local layer over the default one."""
        return self.default | self.local

    @property
    def shipped(self) -> bool:
        """Whether the app brought it, so that it cannot be removed."""
        return bool(self.default)


@dataclass(frozen=True)
class Change:
    """A change of one stanza, as search head cluster members tell it each other."""

    conf: str
    name: str
    app: str
    owner: str
    values: dict[str, str] | None
    """The values that change; None: the stanza goes."""
    sharing: str = "app"
    perms: dict[str, list[str]] | None = None
    replaces: bool = False
    """The local layer becomes exactly these values."""


class Confs:
    """All configuration of one search head."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._files: dict[str, dict[tuple[str, str, str], Stanza]] = {}
        self.changed: list[Callable[[Change], None]] = []
        """Told of every change that is made here."""

    def install(self, app: str, folder: Path) -> None:
        """Read the default (and local) folder of an app."""
        for layer in ("default", "local"):
            for conf, stanzas in conf_files.folder(folder / layer).items():
                self.add_file(conf)
                for name, values in stanzas.items():
                    self.ship(conf, name, app, values, local=layer == "local")

    def ship(
        self, conf: str, name: str, app: str, values: dict[str, str], local: bool = False
    ) -> None:
        """Add a stanza as an app brings it."""
        with self._lock:
            file = self._files.setdefault(conf, {})
            stanza = file.setdefault((NOBODY, app, name), Stanza(conf, name, app, NOBODY, "global"))
            (stanza.local if local else stanza.default).update(values)

    def files(self) -> list[str]:
        """The names of all files."""
        with self._lock:
            return sorted(self._files)

    def add_file(self, conf: str) -> None:
        """A file without stanzas."""
        with self._lock:
            self._files.setdefault(conf, {})

    def stanzas(self, conf: str, owner: str = "-", app: str = "-") -> list[Stanza]:
        """The stanzas that a namespace shows, each name once: the nearest one."""
        with self._lock:
            found: dict[object, Stanza] = {}
            for stanza in self._visible(conf, owner, app):
                key: object = (stanza.owner, stanza.app, stanza.name) if app == "-" else stanza.name
                found.setdefault(key, stanza)
            return list(found.values())

    def _visible(self, conf: str, owner: str, app: str) -> Iterator[Stanza]:
        """Nearest first: the user's own, the app's, the system's, other apps' that are shared."""
        own = [
            s
            for s in self._files.get(conf, {}).values()
            if s.owner == NOBODY or owner in ("-", s.owner)
        ]

        def distance(stanza: Stanza) -> tuple[int, int]:
            here = 0 if stanza.app == app else 1 if stanza.app == SYSTEM else 2
            return here, stanza.owner == NOBODY

        for stanza in sorted(own, key=distance):
            if app in ("-", stanza.app) or stanza.sharing in ("global", "system"):
                yield stanza

    def get(self, conf: str, name: str, owner: str = "-", app: str = "-") -> Stanza | None:
        """The nearest stanza of a name."""
        with self._lock:
            return next((s for s in self._visible(conf, owner, app) if s.name == name), None)

    def value(self, conf: str, name: str, key: str, otherwise: str = "") -> str:
        """One value as the whole search head sees it; ``[default]`` of the file counts."""
        stanza = self.get(conf, name)
        default = self.get(conf, conf_files.DEFAULT)
        layers = (default.values if default else {}) | (stanza.values if stanza else {})
        return layers.get(key, otherwise)

    def apply(self, change: Change) -> Stanza | None:
        """Make a change that somebody else has made already."""
        with self._lock:
            file = self._files.setdefault(change.conf, {})
            key = (change.owner, change.app, change.name)
            if change.values is None:
                file.pop(key, None)
                return None
            stanza = file.get(key)
            if stanza is None:
                stanza = Stanza(change.conf, change.name, change.app, change.owner, change.sharing)
                file[key] = stanza
            if change.replaces:
                stanza.local = dict(change.values)
            else:
                stanza.local.update(change.values)
            if change.perms is not None:
                stanza.perms = change.perms
                stanza.sharing = change.sharing
            return stanza

    def write(self, change: Change) -> Stanza | None:
        """Make a change, and tell of it."""
        stanza = self.apply(change)
        for tell in self.changed:
            tell(change)
        return stanza
