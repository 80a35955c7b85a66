"""Takes events out of the objects that a tool wraps them in, document by document.

Of the keys beside an unwrapped event only Elasticsearch's `_id` and `_index` are kept: others, such
as a row number, belong to the answer and differ in the next one.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from scoreback.connectors.doors.intake import Fault
from scoreback.connectors.json.flatten import Pointer
from scoreback.connectors.local.loading.json_shapes import ACTIONS
from scoreback.connectors.local.loading.rejects import Rejects

_KEPT = ("_id", "_index")

Documents = Iterator[tuple[int, str]]  # line, text


def stripped(found: Documents, pointer: Pointer, rejects: Rejects) -> Documents:
    """The events at *pointer* in the documents; documents without one are rejected."""
    name = ".".join(pointer)
    decode = msgspec.json.Decoder(_type(pointer)).decode
    for line, document in found:
        try:
            outer = decode(document)
            value: Any = outer
            for _key in pointer:
                value = value.inside
            event = bytes(value).decode()
        except (msgspec.DecodeError, AttributeError, TypeError, RecursionError, UnicodeError):
            event = ""
        if event.startswith("{"):
            yield line, _with({key: getattr(outer, f"kept{key}") for key in _KEPT}, event)
        else:
            reason = f"not an object with an object in {name!r}"
            rejects.add(line, reason, document, Fault.WRAPPER)


def joined(found: Documents, rejects: Rejects) -> Documents:
    """The documents of a bulk request, each with the id and index from its action."""
    action: tuple[int, str, dict[str, Any], str] | None = None
    for line, document in found:
        if action is None:
            action = _action(line, document)
            if action is None:
                rejects.add(line, "not an action of a bulk request", document)
            elif action[1] == "delete":
                rejects.add(line, "a deletion in a bulk request is not an event", document)
                action = None
            continue
        _line, kind, target, _text = action
        action = None
        inner = document
        if kind == "update":
            inner = _doc(document)
            if not inner:
                rejects.add(line, "an update in a bulk request without a whole document", document)
                continue
        if inner.startswith("{"):
            yield line, _with({key: target.get(key) for key in _KEPT}, inner)
        else:
            rejects.add(line, "not a JSON object", document)
    if action is not None:
        rejects.add(action[0], "an action of a bulk request without a document", action[3])


def _action(line: int, document: str) -> tuple[int, str, dict[str, Any], str] | None:
    try:
        (kind, target), *others = json.loads(document).items()
    except (ValueError, AttributeError, RecursionError):
        return None
    if others or kind not in ACTIONS or not isinstance(target, dict):
        return None
    return line, kind, target, document


def _doc(document: str) -> str:
    try:
        update: Any = msgspec.json.decode(document, type=_type(("doc",)))
        return bytes(update.inside).decode()
    except (msgspec.DecodeError, TypeError, UnicodeError, RecursionError):
        return ""


def _with(kept: dict[str, Any], event: str) -> str:
    """*event* with *kept* before its own keys; its own keys win where names are equal."""
    there = {key: value for key, value in kept.items() if isinstance(value, str)}
    if not there:
        return event
    inside = event[1:].lstrip()
    return json.dumps(there)[:-1] + ("" if inside.startswith("}") else ", ") + inside


def _type(pointer: Pointer) -> type[msgspec.Struct]:
    """The type of a document that keeps the value at *pointer* as its text."""
    inside: Any = msgspec.Raw
    for level in reversed(range(len(pointer))):
        members: list[tuple[str, Any, Any]] = [("inside", inside, None)]
        names = {"inside": pointer[level]}
        if level == 0:
            members += [(f"kept{key}", Any, None) for key in _KEPT]
            names |= {f"kept{key}": key for key in _KEPT}
        inside = msgspec.defstruct("Wrapper", members, rename=names, frozen=True, gc=False)
    return inside  # type: ignore[no-any-return]
