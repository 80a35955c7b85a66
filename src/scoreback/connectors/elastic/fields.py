"""What the indices of a selection know of fields: which exist, of which kind, under which name."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scoreback.connectors.elastic.client import Client
from scoreback.connectors.elastic.names import OWN
from scoreback.connectors.elastic.selection import Selection
from scoreback.errors import SiemRefused

_NO_VALUES = frozenset({"object", "nested"})
_NOT_IN_DOCUMENTS = frozenset({"constant_keyword"})  # the mapping knows the value


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The fields of a selection's indices."""

    names: tuple[str, ...]  # of fields that events have, sorted
    kinds: Mapping[str, tuple[str, ...]]  # types of the asked fields, several where indices differ
    asked: tuple[str, ...] = ()  # those of the asked fields that the server has to look up
    sequence: bool = False  # whether events are written to, so their sequence numbers are needed
    paths: Mapping[str, str] = field(default_factory=dict)  # alias → where the value is

    def path(self, name: str) -> str:
        """Where a document holds the value of field *name*."""
        return self.paths.get(name, name)


def mapped(client: Client, selection: Selection, fields: Sequence[str] | None = None) -> Mapped:
    """What there is of *fields*; without them, of all.

    Raises:
        SiemRefused: no index matches, or no event of the selection has one of the fields.
    """
    if fields is None:
        return Mapped(names=_names(_capabilities(client, selection, ["*"])), kinds={})
    # Our own fields on events are absent before the first score is written.
    known = [name for name in fields if not name.startswith(OWN)]
    above = {name.rsplit(".", n)[0] for name in known for n in range(1, name.count(".") + 1)}
    kinds: dict[str, tuple[str, ...]] = {}
    asked = sorted({*known, *above})
    for start in range(0, len(asked), 500):
        some = asked[start : start + 500]
        found = _capabilities(client, selection, some, empty=True)
        kinds |= {name: tuple(sorted(types)) for name, types in found.items()}
    for name in known:
        _require(client, selection, kinds, name)
    inside = {name: kinds[name] for name in known if name in kinds}
    paths, stored = _stored(client, selection, known)
    runtime = [n for n in inside if n not in stored and n not in paths]  # only in the query
    constant = [n for n, types in inside.items() if _NOT_IN_DOCUMENTS & set(types)]
    return Mapped(
        names=tuple(sorted(inside)),
        kinds=inside,
        asked=tuple(dict.fromkeys([*constant, *runtime])),
        sequence=len(known) < len(fields),
        paths=paths,
    )


def _capabilities(
    client: Client, selection: Selection, fields: Sequence[str], *, empty: bool = False
) -> dict[str, Any]:
    """Field → type → what it can do, of the indices that match."""
    found = client.call(
        "POST",
        f"/{selection.index}/_field_caps",
        {"fields": list(fields)},
        params={"filters": "-multifield,-metadata", "include_empty_fields": empty},
    )
    if not found["indices"]:
        raise SiemRefused(
            f"no index, alias or data stream matches {selection.index!r}",
            hint="check events.elastic.index, and that the connection may see the index",
        )
    fields_found: dict[str, Any] = found["fields"]
    return fields_found


def _names(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(n for n, types in found.items() if not _NO_VALUES.issuperset(types)))


def _require(
    client: Client, selection: Selection, kinds: Mapping[str, Sequence[str]], name: str
) -> None:
    types = kinds.get(name, ())
    if types and not _NO_VALUES.issuperset(types):
        return
    parents = [name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)]
    if not types and any("flattened" in kinds.get(parent, ()) for parent in parents):
        return
    if types:
        raise SiemRefused(
            f"field {name!r} is an object that holds fields, not a value",
            hint="name one of the fields in it",
        )
    there = _names(_capabilities(client, selection, ["*"]))
    close = difflib.get_close_matches(name, there, n=3) or list(there)[:10]
    raise SiemRefused(
        f"no event of the selection has field {name!r}",
        hint=f"fields that are mapped: {', '.join(close) or 'none'}",
    )


def _stored(
    client: Client, selection: Selection, fields: Sequence[str]
) -> tuple[dict[str, str], set[str]]:
    """Aliases and where they lead, and the fields that mappings name (runtime fields are not)."""
    paths: dict[str, str] = {}
    stored: set[str] = set()
    for start in range(0, len(fields), 50):
        some = list(fields)[start : start + 50]
        found = client.call(
            "GET", f"/{selection.index}/_mapping/field/{','.join(some)}", absent=(404,)
        )
        for index in (found or {}).values():
            for name, about in index.get("mappings", {}).items():
                stored.add(name)
                for leaf in about.get("mapping", {}).values():
                    if leaf.get("type") == "alias" and leaf.get("path"):
                        paths[name] = leaf["path"]
    return paths, stored
