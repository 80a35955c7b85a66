"""Fields of an event as Splunk finds them at search time, before calculated fields and lookups."""

import json
import re

import msgspec

from tests.splunkd.spl.values import Row, Value, text

_DOCUMENTS = msgspec.json.Decoder(float_hook=str)
"""Numbers with a point stay as they are written; whole ones are the same either way."""
_PAIR = re.compile(r'(?:^|[\s,;({\[|])([A-Za-z_][\w.-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"|&)}\]]+))')


def flattened(document: object) -> Row:
    """Fields of a JSON document: ``a.b`` for objects, ``a{}`` for what stands in lists.

    A null is not a field. Whether a Splunk shows it as the text ``null`` instead is not known here.
    """
    found: Row = {}
    _add(document, "", found)
    return found


def _add(value: object, name: str, found: Row) -> None:
    kind = type(value)
    if kind is dict:
        before = f"{name}." if name else ""
        for key, inner in value.items():  # type: ignore[attr-defined]
            if type(inner) is str and before + key not in found:
                found[before + key] = inner
            else:
                _add(inner, before + key, found)
        return
    if kind is list:
        for inner in value:  # type: ignore[attr-defined]
            _add(inner, f"{name}{{}}", found)
        return
    if value is None:
        return
    text_of = ("true" if value else "false") if kind is bool else str(value)
    there = found.get(name)
    if there is None:
        found[name] = text_of
    elif isinstance(there, list):
        there.append(text_of)
    else:
        found[name] = [str(there), text_of]


def automatic(raw: str, mode: str) -> Row:
    """Fields by KV_MODE: ``auto`` finds JSON and ``key=value``, ``json`` the former only."""
    if mode == "none":
        return {}
    if raw[:1] in ("{", "["):
        try:
            return flattened(_DOCUMENTS.decode(raw))
        except msgspec.MsgspecError:
            pass
    if mode == "json":
        return {}
    row: Row = {}
    for match in _PAIR.finditer(raw):
        row.setdefault(match[1], match[2] if match[2] is not None else match[3])
    return row


def indexed(fields: str | None) -> Row:
    """Indexed fields of an event, as the collector kept them."""
    if not fields:
        return {}
    row: Row = {}
    for name, value in json.loads(fields).items():
        made: Value = [text(v) for v in value] if isinstance(value, list) else text(value)
        row[name] = made
    return row
