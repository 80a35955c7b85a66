"""A detector's selection in Splunk: a base search, the fields of an event's id, field names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from scoreback.connectors.splunk.reading.cim import candidates
from scoreback.connectors.splunk.reading.grammar import HINT, BaseSearch, parsed
from scoreback.connectors.splunk.selection_keys import KEYS
from scoreback.connectors.splunk.spl import check_name, value_of
from scoreback.errors import SiemRefused

# These fields never have equal values in two events, unless one was sent twice.
_WHOLE = 'sha256(_time.":".host.":".source.":"._raw)'
EVENT_ID = "scoreback_event_id"  # also a calculated field that the app can add to a sourcetype


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are events, and the names of events and their fields."""

    search: BaseSearch
    id: tuple[str, ...]  # fields that together identify an event; none: its whole content does
    fields: Mapping[str, str]  # Scoreback's name → Splunk's name

    @classmethod
    def of(cls, selection: Mapping[str, object]) -> Self:
        """Read and check the keys of *selection*.

        Raises:
            SiemRefused: a key is missing, unknown or of the wrong type.
        """
        unknown = sorted(set(selection) - set(KEYS))
        if unknown:
            raise SiemRefused(
                f"a selection for Splunk has no key {unknown[0]!r}",
                hint=f"keys that exist: {', '.join(sorted(KEYS))}; {HINT}",
            )
        search = selection.get("search")
        if not isinstance(search, str):
            raise SiemRefused(f"search is {search!r}, not a base search", hint=HINT)
        return cls(parsed(search), _names(selection.get("id")), _renamed(selection.get("fields")))

    def looked_for(self, field: str) -> tuple[str, ...]:
        """The names by which *field* is searched in Splunk."""
        return tuple(check_name(name) for name in candidates(field, self.fields))


def event_id(names: tuple[str, ...]) -> str:
    """The ``eval`` expression for the id of an event, made from the fields *names*.

    An event that lacks one of them is identified by its whole content.
    """
    if not names:
        return f"coalesce({value_of(EVENT_ID)},{_WHOLE})"
    values = [value_of(name) for name in names]
    if len(values) == 1:
        return f"coalesce(tostring({values[0]}),{_WHOLE})"
    prefixed = ".".join(f'len({value}).":".{value}' for value in values)
    return f"coalesce(sha256({prefixed}),{_WHOLE})"


def _names(given: object) -> tuple[str, ...]:
    if given is None:
        return ()
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not names:
        raise SiemRefused(
            f"id is {given!r}, not a list of fields", hint="write id: [FIELD, FIELD, _time]"
        )
    for name in names:
        if not isinstance(name, str):
            raise SiemRefused(f"id contains {name!r}, not a field", hint="write id: [FIELD, FIELD]")
    return tuple(check_name(name) for name in names)


def _renamed(given: object) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise SiemRefused(
            f"fields is {given!r}, not a mapping", hint="write fields: {OURS: THEIRS}"
        )
    for ours, theirs in given.items():
        if not isinstance(ours, str) or not isinstance(theirs, str):
            raise SiemRefused(
                f"fields contains {ours!r}: {theirs!r}, which are not two names",
                hint="write {OURS: THEIRS}",
            )
        check_name(theirs)
    return {str(ours): str(theirs) for ours, theirs in given.items()}
