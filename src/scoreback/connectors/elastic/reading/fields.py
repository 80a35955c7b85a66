"""What the indices of a selection know about fields: existence, types, and names."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import quote

from scoreback.connectors.elastic.names import OWN
from scoreback.connectors.elastic.reading.selection import Selection
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused

_NO_VALUES = frozenset({"object", "nested"})
_IN_ONE_LINE = 2_000  # characters of names per address; the server accepts 4,096 in all
_EXACT_TO = {"date": 1_000, "date_nanos": 1}
_ISO = "strict_date_optional_time"
# Mapping parameters of a date that do not change how it is read.
_WITHOUT_EFFECT = frozenset({"type", "format", "index", "doc_values", "store", "meta",
                             "ignore_malformed"})  # fmt: skip
_NOT_IN_DOCUMENTS = frozenset({"constant_keyword"})  # the mapping has the value


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """The fields of a selection's indices."""

    names: tuple[str, ...]  # fields that events have, sorted
    # types of the requested fields; several where indices differ
    kinds: Mapping[str, tuple[str, ...]]
    asked: tuple[str, ...] = ()  # those of the requested fields that the server has to look up
    # whether scores are written onto events, so that sequence numbers are needed
    sequence: bool = False
    paths: Mapping[str, str] = field(default_factory=dict)  # alias → path of the value
    shown: bool = True  # whether documents are returned with their whole content
    valued: frozenset[str] = frozenset()  # fields whose values are stored as doc values
    # Time fields that documents hold as the server understands them, with the server's resolution
    # in microseconds: it truncates finer times.
    told: Mapping[str, int] = field(default_factory=dict)
    # Time fields that are not a date in some index, with their types.
    no_dates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """Where a document holds the value of field *name*."""
        return self.paths.get(name, name)


def mapped(
    client: Client,
    selection: Selection,
    fields: Sequence[str] | None = None,
    *,
    all_there: bool = False,
) -> Mapped:
    """What exists of *fields*, or of all fields if none are given.

    Raises:
        SiemRefused: no index matches; or, with *all_there*, no event of the selection has one of
            the fields.
    """
    if fields is None:
        return Mapped(names=_names(_capabilities(client, selection, ["*"])), kinds={})
    # Scoreback's own fields on events are missing before the first score is written.
    known = [name for name in fields if not name.startswith(OWN)]
    above = {name.rsplit(".", n)[0] for name in known for n in range(1, name.count(".") + 1)}
    kinds: dict[str, tuple[str, ...]] = {}
    valued: set[str] = set()
    asked = sorted({*known, *above})
    for start in range(0, max(1, len(asked)), 250):
        some = asked[start : start + 250] or [selection.time]
        below = [f"{name}.*" for name in some]  # objects are listed only with their content
        found = _capabilities(client, selection, [*some, *below], empty=True)
        found = {name: types for name, types in found.items() if name in some}
        kinds |= {name: tuple(sorted(types)) for name, types in found.items()}
        valued |= {
            n for n, types in found.items() if all(t["aggregatable"] for t in types.values())
        }
    for name in known if all_there else ():
        _require(client, selection, kinds, name)
    inside = {name: kinds[name] for name in known if name in kinds}
    times = (selection.time, selection.arrival)
    leaves = _leaves(client, selection, dict.fromkeys([*known, selection.time, selection.arrival]))
    paths, stored = _stored({name: leaves[name] for name in known})
    constant = [n for n, types in inside.items() if _NOT_IN_DOCUMENTS & set(types)]
    runtime = [n for n in inside if n not in stored and n not in paths]  # only in the query
    return Mapped(
        names=tuple(sorted(inside)),
        kinds=inside,
        asked=tuple(dict.fromkeys([*constant, *runtime])),
        sequence=len(known) < len(fields),
        paths=paths,
        shown=_shown(client, selection),
        valued=frozenset(valued),
        told=_told({name: leaves[name] for name in times}),
        no_dates=_no_dates({name: leaves[name] for name in times}),
    )


def _capabilities(
    client: Client, selection: Selection, fields: Sequence[str], *, empty: bool = False
) -> dict[str, Any]:
    """Field → type → capabilities, in the indices that match."""
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
            f"field {name!r} is an object with fields, not a value",
            hint="name one of the fields in it",
        )
    there = _names(_capabilities(client, selection, ["*"]))
    close = difflib.get_close_matches(name, there, n=3) or list(there)[:10]
    raise SiemRefused(
        f"no event of the selection has the field {name!r}",
        hint=f"fields that are mapped: {', '.join(close) or 'none'}",
    )


def _leaves(
    client: Client, selection: Selection, fields: Iterable[str]
) -> dict[str, list[list[Mapping[str, Any]]]]:
    """For each of *fields*, how each index maps it: not at all, or by one definition."""
    found: dict[str, list[list[Mapping[str, Any]]]] = {}
    for some in _in_lines(list(fields)):
        names = ",".join(quote(name, safe="") for name in some)
        answer = client.call("GET", f"/{selection.index}/_mapping/field/{names}", absent=(404,))
        indices = [index.get("mappings", {}) for index in (answer or {}).values()]
        for name in some:
            abouts = (index.get(name, {}).get("mapping", {}) for index in indices)
            found[name] = [list(about.values()) for about in abouts]
    return found


def _stored(
    leaves: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]],
) -> tuple[dict[str, str], set[str]]:
    """Aliases with their targets, and the fields that documents hold under their own names.

    A field that is an alias only in some indices is in neither.
    """
    alike: dict[str, str] = {}
    for name, of_indices in leaves.items():
        paths = {leaf["path"] if leaf.get("type") == "alias" else name
                 for leaf in chain.from_iterable(of_indices)}  # fmt: skip
        if len(paths) == 1:
            alike[name] = paths.pop()
    aliases = {name: path for name, path in alike.items() if path != name}
    return aliases, alike.keys() - aliases.keys()


def no_date(name: str, types: Iterable[str]) -> tuple[str, str]:
    """What is wrong where the time field *name* has *types* other than times, and the fix."""
    return (
        f"{name} is {', '.join(sorted(types))} in some of the indices, not a date",
        "leave those indices out of the selection, or map the field as a date",
    )


def _no_dates(
    leaves: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]],
) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, of_indices in leaves.items():
        types = {str(leaf.get("type", "")) for index in of_indices for leaf in index}
        odd = types - {*_EXACT_TO, "alias", ""}
        if odd:
            found[name] = tuple(sorted(odd))
    return found


def _told(leaves: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]) -> dict[str, int]:
    """The time fields that every index maps as a plain date with the default format."""
    found: dict[str, int] = {}
    for name, of_indices in leaves.items():
        units = {_unit(leaf) for index in of_indices for leaf in index or [{}]}
        unit = units.pop() if len(units) == 1 else None
        if unit is not None:
            found[name] = unit
    return found


def _unit(leaf: Mapping[str, Any]) -> int | None:
    """The resolution of a date with this mapping in microseconds; None if only the server knows.

    Only the server knows where there is a custom format, a value that replaces null, or a script.
    """
    unit = _EXACT_TO.get(leaf.get("type", ""))
    own = leaf.keys() - _WITHOUT_EFFECT
    return unit if not own and leaf.get("format", _ISO) in (_ISO, f"{_ISO}||epoch_millis") else None


def _in_lines(names: Sequence[str]) -> Iterator[list[str]]:
    """*names* in groups that fit into an address."""
    some, held = list[str](), 0
    for name in names:
        length = len(quote(name, safe="")) + 1
        if some and held + length > _IN_ONE_LINE:
            yield some
            some, held = [], 0
        some.append(name)
        held += length
    if some:
        yield some


def _shown(client: Client, selection: Selection) -> bool:
    """Whether every index stores whole documents."""
    found = client.call(
        "GET", f"/{selection.index}/_mapping", params={"filter_path": "*.mappings._source"}
    )
    rules = [index["mappings"]["_source"] for index in (found or {}).values()]
    return not any(
        r.get("enabled") is False or r.get("excludes") or r.get("includes") for r in rules
    )
