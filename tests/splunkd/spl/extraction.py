"""Fields of an event as Splunk finds them at search time, before calculated fields and lookups."""

import json
import re
from collections.abc import Iterator, Mapping

from tests.splunkd.spl.values import Row, Value, text

_PAIR = re.compile(r'(?:^|[\s,;({\[|])([A-Za-z_][\w.-]*)=(?:"((?:[^"\\]|\\.)*)"|([^\s,;"|&)}\]]+))')


def flattened(document: object) -> Row:
    """Fields of a JSON document: ``a.b`` for objects, ``a{}`` for what stands in lists."""
    found: dict[str, list[str]] = {}
    for name, value in _leaves(document, ""):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _leaves(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, f"{name}{{}}")
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif value is None:
        return
    elif isinstance(value, str):
        yield name, value
    elif isinstance(value, int | float):
        yield name, json.dumps(value)


def automatic(raw: str, mode: str) -> Row:
    """Fields by KV_MODE: ``auto`` finds JSON and ``key=value``, ``json`` the former only."""
    if mode == "none":
        return {}
    if raw[:1] in ("{", "["):
        try:
            return flattened(json.loads(raw, parse_float=str, parse_int=str))
        except json.JSONDecodeError:
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
