"""Collections and their documents. Which collections there are, ``collections.conf`` says."""

import copy
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

from tests.splunkd.confs import Confs
from tests.splunkd.kv.query import Document, applies
from tests.splunkd.messages import Refusal

_TYPES = {"number", "string", "bool", "time", "array", "cidr"}


@dataclass(frozen=True)
class DocumentChange:
    """A document that changed; None: it is gone."""

    app: str
    collection: str
    user: str
    key: str
    document: Document | None


class KVStore:
    """All documents of one search head."""

    def __init__(self, confs: Confs) -> None:
        self._confs = confs
        self._lock = RLock()
        self._data: dict[tuple[str, str], dict[tuple[str, str], Document]] = {}
        self._versions: dict[tuple[str, str], int] = {}
        self.changed: list[Callable[[DocumentChange], None]] = []

    def exists(self, app: str, name: str) -> bool:
        """Whether an app has a collection of that name."""
        return any(
            s.app == app for s in self._confs.stanzas("collections", app=app) if s.name == name
        )

    def settings(self, app: str, name: str) -> Mapping[str, str]:
        """The collection's stanza; 404 without one."""
        stanza = self._confs.get("collections", name, app=app)
        if stanza is None:
            raise Refusal(404, f"Collection not found: {name}")
        return stanza.values

    def home(self, app: str, name: str) -> tuple[str, str]:
        """Where the documents are: in the app that has the collection."""
        stanza = self._confs.get("collections", name, app=app)
        if stanza is None:
            raise Refusal(404, f"Collection not found: {name}")
        return stanza.app, name

    def version(self, app: str, name: str) -> int:
        """A number that changes with every change of the collection."""
        return self._versions.get(self.home(app, name), 0)

    def documents(self, app: str, name: str, user: str = "nobody") -> list[Document]:
        """A user's documents in the order in which they came. They are not to be changed."""
        with self._lock:
            kept = self._data.get(self.home(app, name), {})
            return [document for (owner, _), document in kept.items() if owner == user]

    def get(self, app: str, name: str, key: str, user: str = "nobody") -> Document | None:
        """One document."""
        with self._lock:
            return self._data.get(self.home(app, name), {}).get((user, key))

    def put(self, app: str, name: str, document: Document, user: str = "nobody") -> str:
        """Insert or replace a document, after its fields got their types; its key."""
        home = self.home(app, name)
        kept = self._typed(self.settings(app, name), document)
        key = str(kept.get("_key") or secrets.token_hex(12))
        kept |= {"_key": key, "_user": user}
        self._write(DocumentChange(*home, user, key, kept))
        return key

    def remove(self, app: str, name: str, key: str, user: str = "nobody") -> bool:
        """Remove a document; whether it was there."""
        if self.get(app, name, key, user) is None:
            return False
        self._write(DocumentChange(*self.home(app, name), user, key, None))
        return True

    def remove_where(self, app: str, name: str, query: Document, user: str = "nobody") -> int:
        """Remove what a query asks for; how many."""
        going = [d["_key"] for d in self.documents(app, name, user) if applies(query, d)]
        for key in going:
            self.remove(app, name, key, user)
        return len(going)

    def _write(self, change: DocumentChange) -> None:
        self.apply(change)
        for tell in self.changed:
            tell(change)

    def apply(self, change: DocumentChange) -> None:
        """Make a change that somebody else has made already."""
        with self._lock:
            home = (change.app, change.collection)
            kept = self._data.setdefault(home, {})
            self._versions[home] = self._versions.get(home, 0) + 1
            if change.document is None:
                kept.pop((change.user, change.key), None)
            else:
                kept[change.user, change.key] = copy.deepcopy(change.document)

    def _typed(self, settings: Mapping[str, str], document: Document) -> Document:
        enforced = settings.get("enforceTypes", "false").lower() in ("true", "1")
        typed: Document = {}
        for name, value in document.items():
            kind = settings.get(f"field.{name}", "")
            try:
                typed[name] = _as(kind, value) if kind in _TYPES and value is not None else value
            except ValueError:
                if enforced:
                    raise Refusal(
                        400, f"JSON in the request is invalid: field {name!r} is no {kind}"
                    ) from None
        return typed


def _as(kind: str, value: Any) -> Any:  # noqa: ANN401  # noqa: ANN401
    if kind in ("number", "time") and isinstance(value, str):
        number = float(value)
        return int(number) if number.is_integer() and "." not in value else number
    if kind == "bool" and isinstance(value, str):
        if value.lower() not in ("true", "false", "1", "0"):
            raise ValueError(value)
        return value.lower() in ("true", "1")
    if kind == "string" and isinstance(value, int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
