"""Saved objects of a space: what dashboards, data views and tags are kept as."""

import base64
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.kibana.refusals import Refusal

Json = dict[str, Any]
Key = tuple[str, str]
"""Type and id."""

TYPES: dict[str, tuple[str, str]] = {
    "canvas-workpad": ("saved-objects", "name"),
    "config": ("settings", "buildNum"),
    "dashboard": ("dashboards", "title"),
    "event-annotation-group": ("visualize", "title"),
    "index-pattern": ("data-views", "title"),
    "lens": ("visualize", "title"),
    "links": ("dashboards", "title"),
    "map": ("visualize", "title"),
    "query": ("discover", "title"),
    "search": ("discover", "title"),
    "tag": ("saved-objects", "name"),
    "url": ("saved-objects", "url"),
    "visualization": ("visualize", "title"),
}
"""Which exist: whose privilege it is to write one, and which attribute is its title."""


@dataclass
class SavedObject:
    """One object."""

    type: str
    id: str
    attributes: Json
    references: list[Json] = field(default_factory=list)
    created_at: str = ""
    updated_at: str = ""
    origin: str | None = None
    migrations: Json = field(default_factory=dict)
    """``coreMigrationVersion`` and ``typeMigrationVersion``, as they came."""
    number: int = 0
    """Changes with each write."""
    extra: Json = field(default_factory=dict)
    """What another API keeps beside it."""

    @property
    def key(self) -> Key:
        """Type and id."""
        return self.type, self.id

    @property
    def version(self) -> str:
        """What a client shows to prove that it saw the newest state."""
        return base64.b64encode(f"[{self.number},1]".encode()).decode()

    @property
    def title(self) -> str:
        """What a person calls it."""
        return str(self.attributes.get(TYPES[self.type][1], ""))

    def shown(self, space: str) -> Json:
        """As the API returns and exports it."""
        return {
            "id": self.id,
            "type": self.type,
            "namespaces": [space],
            "attributes": self.attributes,
            "references": self.references,
            "managed": False,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "version": self.version,
            **({"originId": self.origin} if self.origin else {}),
            **self.migrations,
        }

    def exported(self) -> Json:
        """A line of an export: without the space."""
        line = self.shown("")
        del line["namespaces"]
        return line


class SavedObjects:
    """The objects of one space."""

    def __init__(self) -> None:
        self._objects: dict[Key, SavedObject] = {}
        self._numbers = count(1)

    def all(self, types: Iterable[str] | None = None) -> list[SavedObject]:
        """Those of *types*, or all, in the order of their making."""
        wanted = None if types is None else set(types)
        return [one for one in self._objects.values() if wanted is None or one.type in wanted]

    def find(self, kind: str, identifier: str) -> SavedObject | None:
        """One; None where there is none."""
        return self._objects.get((kind, identifier))

    def get(self, kind: str, identifier: str) -> SavedObject:
        """One; 404 where there is none."""
        found = self._objects.get((kind, identifier))
        if found is None:
            raise missing(kind, identifier)
        return found

    def create(
        self,
        kind: str,
        identifier: str | None,
        attributes: Json,
        now: str,
        *,
        references: list[Json] | None = None,
        overwrite: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> SavedObject:
        """Make one, or write over one; 409 where that was not asked for."""
        key = kind, identifier or str(uuid.uuid4())
        before = self._objects.get(key)
        if before is not None and not overwrite:
            raise Refusal(409, f"Saved object [{kind}/{key[1]}] conflict")
        names = ("coreMigrationVersion", "typeMigrationVersion")
        made = SavedObject(
            *key,
            dict(attributes),
            list(references or ()),
            before.created_at if before else now,
            now,
            (given or {}).get("originId"),
            {name: given[name] for name in names if given and name in given},
            next(self._numbers),
        )
        self._objects[key] = made
        return made

    def update(
        self,
        kind: str,
        identifier: str,
        attributes: Mapping[str, Any],
        now: str,
        *,
        references: list[Json] | None = None,
        version: str | None = None,
    ) -> SavedObject:
        """Change some attributes; 409 where *version* is not the newest."""
        found = self.get(kind, identifier)
        if version is not None and version != found.version:
            raise Refusal(
                409,
                f"[{kind}:{identifier}]: version conflict, required seqNo and primary term do not "
                "match",
            )
        found.attributes.update(attributes)
        if references is not None:
            found.references = references
        found.updated_at = now
        found.number = next(self._numbers)
        return found

    def delete(self, kind: str, identifier: str) -> None:
        """Remove one; 404 where there is none."""
        self.get(kind, identifier)
        del self._objects[kind, identifier]


def missing(kind: str, identifier: str) -> Refusal:
    """There is no such object."""
    return Refusal(404, f"Saved object [{kind}/{identifier}] not found")
