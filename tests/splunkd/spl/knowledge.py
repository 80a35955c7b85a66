"""What props.conf and its kin add to events: aliases, calculated fields, lookups, types, tags.

The order is Splunk's: extractions, automatic fields, aliases, calculated fields (which do not see
each other), lookups, event types, tags.
"""

import fnmatch
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from tests.splunkd.spl import expression, extraction, predicate
from tests.splunkd.spl.functions import Context
from tests.splunkd.spl.lookups import LookupCall, lookup_call
from tests.splunkd.spl.text_functions import regex
from tests.splunkd.spl.times import Bounds
from tests.splunkd.spl.tokens import expanded
from tests.splunkd.spl.values import Row, SearchFailed, SearchRefused, many
from tests.splunkd.store import StoredEvent

if TYPE_CHECKING:
    from tests.splunkd.instance import Instance

Step = Callable[[Row], None]
_NAMED = re.compile(r"(\S+)\s+(?:AS|ASNEW)\s+(\S+)", re.IGNORECASE)


class Knowledge:
    """The knowledge objects that a search in an app sees; made anew for each search."""

    def __init__(
        self,
        instance: "Instance",
        owner: str,
        app: str,
        now: float,
        bounds: Bounds | None = None,
    ) -> None:
        self.instance = instance
        self.owner = owner
        self.app = app
        self.now = now
        self.bounds = bounds or Bounds()
        self._steps: dict[tuple[str, str, str], tuple[str, list[Step]]] = {}
        self._types: dict[str, predicate.Node | None] = {}
        self._props = instance.confs.stanzas("props", owner, app)
        self._tags = instance.confs.stanzas("tags", owner, app)
        self._all_types = instance.confs.stanzas("eventtypes", owner, app)
        self._tested: list[tuple[str, predicate.Predicate]] | None = None

    def expanded(self, search: str) -> str:
        """The search with macros expanded."""
        return expanded(search, self.macro)

    def macro(self, name: str, given: list[str]) -> str:
        """A macro's definition with its arguments in place."""
        full = f"{name}({len(given)})" if given else name
        stanza = self.instance.confs.get("macros", full, self.owner, self.app)
        if stanza is None or stanza.values.get("disabled", "0") in ("1", "true"):
            raise SearchRefused(
                "Error in 'SearchParser': The search specifies a macro '"
                f"{name}' that cannot be found. Reasons include: the macro name is misspelled, you "
                'do not have "read" permission for the macro, or the macro has not been shared '
                "with this application."
            )
        definition = stanza.values.get("definition", "")
        names = [n.strip() for n in stanza.values.get("args", "").split(",") if n.strip()]
        values: Row = {}
        for position, value in enumerate(given):
            key, equals, rest = value.partition("=")
            named = equals and key.strip() in names
            argument = key.strip() if named else names[position]
            bare = (rest if named else value).strip()
            values[argument] = (
                bare[1:-1] if bare[:1] == bare[-1:] == '"' and len(bare) > 1 else bare
            )
        validation = stanza.values.get("validation", "")
        if validation and given:
            holds = expression.parse(validation, Context(self.now))(values)
            if holds is not True:
                message = stanza.values.get("errormsg", f"The macro {full} got wrong arguments.")
                raise SearchRefused(f"Error in 'SearchParser': {message}")
        for argument, bound in values.items():
            definition = definition.replace(f"${argument}$", str(bound))
        if stanza.values.get("iseval", "0") in ("1", "true"):
            definition = str(expression.parse(definition, Context(self.now))({}))
        return definition

    def eventtype(self, name: str) -> predicate.Node | None:
        """The search of an event type."""
        if name not in self._types:
            stanza = self.instance.confs.get("eventtypes", name, self.owner, self.app)
            search = stanza.values.get("search") if stanza else None
            self._types[name] = None if search is None else predicate.parse(self.expanded(search))
        return self._types[name]

    def eventtypes_of(self, row: Row) -> list[str]:
        """The names of the event types of a row."""
        if self._tested is None:
            self._tested = []
            for stanza in self._all_types:
                tree = self.eventtype(stanza.name)
                if tree is not None and stanza.values.get("disabled", "0") not in ("1", "true"):
                    self._tested.append((stanza.name, predicate.compiled(tree, self)))
        return [name for name, holds in self._tested if holds(row)]

    def has_tag(self, row: Row, tag: str) -> bool:
        """Whether a row has a tag, by a value or by an event type."""
        wanted = tag.lower()
        for stanza in self._tags:
            if stanza.values.get(tag, stanza.values.get(wanted)) != "enabled":
                continue
            name, _, value = stanza.name.partition("=")
            if name == "eventtype":
                if value in self.eventtypes_of(row):
                    return True
            elif value in many(row.get(name)):
                return True
        return False

    def row(self, event: StoredEvent) -> Row:
        """An event with all its fields."""
        seq, index, time, indextime, host, source, sourcetype, raw, fields = event
        mode, steps = self._of(sourcetype, source, host)
        row: Row = extraction.automatic(raw, mode)
        if fields:
            row |= extraction.indexed(fields)
        row |= {
            "_time": time,
            "_indextime": indextime,
            "_raw": raw,
            "_cd": f"0:{seq}",
            "_bkt": f"{index}~0~simulator",
            "_si": ["simulator", index],
            "_sourcetype": sourcetype,
            "_serial": seq,
            "index": index,
            "host": host,
            "source": source,
            "sourcetype": sourcetype,
            "linecount": raw.count("\n") + 1,
            "splunk_server": "simulator",
        }
        for step in steps:
            step(row)
        return row

    def _of(self, sourcetype: str, source: str, host: str) -> tuple[str, list[Step]]:
        key = (sourcetype, source, host)
        if key not in self._steps:
            values: dict[str, str] = {}
            for stanza in self._props:
                if _concerns(stanza.name, sourcetype, source, host):
                    values |= stanza.values
            self._steps[key] = (values.get("KV_MODE", "auto").lower(), self._made(values))
        return self._steps[key]

    def _made(self, values: dict[str, str]) -> list[Step]:
        steps: list[Step] = []
        for kind, make in (
            ("EXTRACT-", _extract),
            ("FIELDALIAS-", _aliases),
        ):
            steps += [make(values[key]) for key in sorted(values) if key.startswith(kind)]
        calculated = {k[len("EVAL-") :]: v for k, v in values.items() if k.startswith("EVAL-")}
        if calculated:
            steps.append(self._calculated(calculated))
        for key in sorted(values):
            if key.startswith("LOOKUP-"):
                steps.append(self._automatic_lookup(values[key]))
        return steps

    def _calculated(self, sources: dict[str, str]) -> Step:
        context = Context(self.now)
        parsed = {name: expression.parse(source, context) for name, source in sources.items()}

        def calculate(row: Row) -> None:
            results = [(name, made(row)) for name, made in parsed.items()]  # none sees another
            for name, value in results:
                expression.assign(row, name, value)

        return calculate

    def _automatic_lookup(self, source: str) -> Step:
        call: LookupCall = lookup_call(source)
        try:
            apply = call.bound(self)
        except SearchFailed:
            return lambda _: None  # splunkd goes on without a lookup that it cannot load
        return apply


def _concerns(stanza: str, sourcetype: str, source: str, host: str) -> bool:
    kind, found, pattern = stanza.partition("::")
    if not found:
        return stanza in (sourcetype, "default")
    value = source if kind == "source" else host if kind == "host" else ""
    return _splunk_glob(pattern, value)


@lru_cache(maxsize=512)
def _splunk_glob(pattern: str, value: str) -> bool:
    return fnmatch.fnmatchcase(value, pattern.replace("...", "*"))


def _extract(source: str) -> Step:
    expression_text, in_field, name = source.rpartition(" in ")
    pattern = regex(expression_text if in_field and re.fullmatch(r"\w+", name) else source)
    field = name if in_field and re.fullmatch(r"\w+", name) else "_raw"

    def extract(row: Row) -> None:
        match = pattern.search(str(row.get(field, "")))
        if match:
            row.update({k: v for k, v in match.groupdict().items() if v is not None})

    return extract


def _aliases(source: str) -> Step:
    pairs = _NAMED.findall(source)
    keeps = "ASNEW" in source.upper()

    def alias(row: Row) -> None:
        for name, other in pairs:
            name, other = name.strip('"'), other.strip('"')
            if name in row and not (keeps and other in row):
                row[other] = row[name]

    return alias
