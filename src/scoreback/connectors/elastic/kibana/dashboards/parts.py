"""Objects in Kibana as parts, whose digests tell an edit from an earlier version."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

Parts = Mapping[str, str]  # name of the part → digest
# What a user can see and change of a dashboard, beside its panels.
_OF_SAVED = ("title", "description", "controlGroupInput", "timeFrom", "timeTo", "optionsJSON")
_OF_BODY = ("title", "description", "pinned_panels", "query", "filters", "time_range", "options")
_OF_DATA_VIEW = ("title", "name", "timeFieldName")
_SEARCH = ("kibanaSavedObjectMeta", "searchSourceJSON")


def of_saved(saved: Mapping[str, Any]) -> Parts:
    """The parts of a dashboard that is a saved object."""
    attributes = saved["attributes"]
    found = {name: _digest(_read(attributes[name])) for name in _OF_SAVED if name in attributes}
    search = attributes.get(_SEARCH[0], {}).get(_SEARCH[1])
    if search is not None:
        found["filters"] = _digest(_read(search))
    for panel in _list(_read(attributes.get("panelsJSON", "[]"))):
        found[_panel(str(panel.get("panelIndex", "")))] = _digest(_read(panel))
    # The names by which panels find their data; the order in which Kibana lists them is arbitrary.
    named = {str(one["name"]): str(one["id"]) for one in saved.get("references", [])}
    return found | {"data views": _digest(named)}


def of_body(body: Mapping[str, Any]) -> Parts:
    """The parts of a dashboard in the Dashboards API."""
    found = {name: _digest(body[name]) for name in _OF_BODY if name in body}
    for panel in _list(body.get("panels", [])):
        found[_panel(str(panel.get("id") or panel.get("title") or ""))] = _digest(panel)
    return found


def of_data_view(view: Mapping[str, Any]) -> Parts:
    """The parts of a data view that are Scoreback's; formats and runtime fields are the user's."""
    return {name: str(view[name]) for name in _OF_DATA_VIEW if name in view}


def changed(before: Parts, after: Parts, words: tuple[str, str]) -> tuple[str, ...]:
    """A line for each part that differs between *before* and *after*, which *words* describe."""
    absent = "absent"
    return tuple(
        f"{name}: {words[0] if name in before else absent}"
        f" -> {words[1] if name in after else absent}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )


def _panel(name: str) -> str:
    return f"panel {name}"


def _read(value: object) -> object:
    """*value* with stored JSON texts parsed, so that their formatting does not count."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _read(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {key: _read(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_read(one) for one in value]
    return value


def _list(value: object) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
