"""Lookups: transforms.conf over KV store collections and CSV files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.splunkd.spl import predicate
from tests.splunkd.spl.tokens import words
from tests.splunkd.spl.values import (
    Row,
    SearchFailed,
    SearchRefused,
    Value,
    many,
    one_or_many,
    text,
)

if TYPE_CHECKING:
    from tests.splunkd.spl.knowledge import Knowledge


@dataclass(frozen=True)
class LookupCall:
    """``name key AS field OUTPUT a AS b``."""

    name: str
    keys: tuple[tuple[str, str], ...]
    """The lookup's field, the event's field."""
    outputs: tuple[tuple[str, str], ...]
    keeps: bool
    """OUTPUTNEW: what the event has stays."""

    def bound(self, knowledge: "Knowledge") -> Callable[[Row], None]:
        """A function that adds the lookup's fields to a row."""
        table = Table.named(self.name, knowledge)
        outputs = self.outputs or tuple(
            (name, name)
            for name in table.fields
            if name not in dict(self.keys) and not name.startswith("_")
        )
        indexed: list[Callable[[list[Value | None]], list[dict[str, Any]]]] = []

        def apply(row: Row) -> None:
            if not indexed:  # with the first row: most scheduled searches have none
                indexed.append(table.by([key for key, _ in self.keys]))
            found = indexed[0]([row.get(field) for _, field in self.keys])
            for name, shown in outputs:
                if self.keeps and row.get(shown) not in (None, ""):
                    continue
                value = one_or_many(
                    v for document in found for v in _values(document.get(name)) if v != ""
                )
                if value is not None:
                    row[shown] = value
                elif not self.keeps:
                    row.pop(shown, None)

        return apply


def _values(value: Any) -> list[str]:  # noqa: ANN401
    if value is None:
        return []
    if isinstance(value, list):
        return [v for each in value for v in _values(each)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [text(value) if isinstance(value, str | int | float) else str(value)]


def lookup_call(source: str) -> LookupCall:
    """Parse the arguments of ``lookup``, or the value of ``LOOKUP-x`` in props.conf."""
    all_words = [w.text for w in words(source) if w.text != ","]
    while len(all_words) > 2 and all_words[1] == "=":  # local=true, update=false
        all_words = all_words[3:]
    if len(all_words) < 2:
        raise SearchRefused("Error in 'lookup' command: Must specify one or more lookup fields.")
    name, rest = all_words[0], all_words[1:]
    keys: list[tuple[str, str]] = []
    outputs: list[tuple[str, str]] = []
    target, keeps, i = keys, False, 0
    while i < len(rest):
        word = rest[i]
        if word.upper() in ("OUTPUT", "OUTPUTNEW"):
            target, keeps, i = outputs, word.upper() == "OUTPUTNEW", i + 1
        elif i + 2 < len(rest) and rest[i + 1].upper() == "AS":
            target.append((word, rest[i + 2]))
            i += 3
        else:
            target.append((word, word))
            i += 1
    return LookupCall(name, tuple(keys), tuple(outputs), keeps)


@dataclass(frozen=True)
class Table:
    """A lookup's rows, in the order of its source."""

    name: str
    fields: list[str]
    load: Callable[[], list[dict[str, Any]]]
    max_matches: int
    case_sensitive: bool
    wildcards: bool = False

    @classmethod
    def named(cls, name: str, knowledge: "Knowledge") -> "Table":
        """The lookup of a transforms.conf stanza, or a CSV file of that name."""
        instance = knowledge.instance
        stanza = instance.confs.get("transforms", name, knowledge.owner, knowledge.app)
        if stanza is None:
            own = _file(knowledge, name)
            if own is None:
                raise SearchFailed(
                    f"Error in 'lookup' command: Could not construct lookup '{name}'. See "
                    "search.log for more details."
                )
            return cls(name, list(own[0]) if own else [], lambda: own, 1000, True)
        values = stanza.values
        sensitive = values.get("case_sensitive_match", "true").lower() in ("true", "1")
        if values.get("external_type", "").lower() == "kvstore":
            load = _documents(knowledge, stanza.app, values)
            fields = [f.strip() for f in values.get("fields_list", "").split(",") if f.strip()]
            most = int(values.get("max_matches", "100"))
            return cls(name, fields, load, most, sensitive)
        found = _file(knowledge, values.get("filename", name), stanza.app)
        if found is None:
            raise SearchFailed(f"The lookup table '{name}' does not exist or is not available.")
        most = int(values.get("max_matches", "1000"))
        fields = list(found[0]) if found else []
        wild = "WILDCARD" in values.get("match_type", "")
        return cls(name, fields, lambda: found, most, sensitive, wild)

    def by(self, keys: list[str]) -> Callable[[list[Value | None]], list[dict[str, Any]]]:
        """A function that finds the rows with given values of the keys."""
        fold: Callable[[str], str] = (lambda v: v) if self.case_sensitive else str.lower
        index: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in self.load():
            parts = [[fold(v) for v in _values(row.get(key))] for key in keys]
            for key in _products(parts):
                found = index.setdefault(key, [])
                if len(found) < self.max_matches:
                    found.append(row)

        def find(values: list[Value | None]) -> list[dict[str, Any]]:
            parts = [[fold(v) for v in many(value)] for value in values]
            if any(not part for part in parts):
                return []
            rows = [row for key in _products(parts) for row in index.get(key, [])]
            return rows[: self.max_matches]

        return find


def _products(parts: list[list[str]]) -> Iterable[tuple[str, ...]]:
    keys: list[tuple[str, ...]] = [()]
    for part in parts:
        keys = [(*key, value) for key in keys for value in part]
    return keys


def _file(knowledge: "Knowledge", name: str, app: str = "") -> list[dict[str, Any]] | None:
    files = knowledge.instance.lookup_files
    for where in (app, knowledge.app, "search"):
        if (where, name) in files:
            return [dict(row) for row in files[where, name]]
    return next((list(rows) for (_, file), rows in files.items() if file == name), None)


def _documents(
    knowledge: "Knowledge", app: str, values: dict[str, str]
) -> Callable[[], list[dict[str, Any]]]:
    instance = knowledge.instance
    collection = values.get("collection", "")
    if instance.confs.get("collections", collection, app=app) is None:
        raise SearchFailed(f"The lookup's collection '{collection}' does not exist.")
    if instance.faults.take("kv_off", path="lookup"):
        raise SearchFailed("KV Store is initializing. Please try again later.")
    holds = None
    if values.get("filter"):
        holds = predicate.compiled(predicate.parse(values["filter"]), knowledge)

    def load() -> list[dict[str, Any]]:
        rows = instance.kv.documents(app, collection)
        return rows if holds is None else [row for row in rows if holds(_as_row(row))]

    return load


def _as_row(document: dict[str, Any]) -> Row:
    made = ((name, one_or_many(_values(value))) for name, value in document.items())
    return {name: value for name, value in made if value is not None}
