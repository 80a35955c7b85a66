"""Recognises how a JSON export holds its documents: one per line, in a list, in an answer."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from itertools import islice
from typing import Any

from scoreback.connectors.json.flatten import Pointer
from scoreback.connectors.local.loading.json_text import JsonText, documents, keys
from scoreback.errors import DataError

# actions of Elasticsearch's bulk requests
ACTIONS = frozenset({"index", "create", "update", "delete"})
_ACTION_KEYS = frozenset(
    {"_index", "_id", "_type", "routing", "pipeline", "require_alias", "dynamic_templates",
     "op_type", "version", "version_type", "if_seq_no", "if_primary_term", "retry_on_conflict",
     "parent", "_routing", "list_executed_pipelines", "require_data_stream"}
)  # fmt: skip

# Answers of tools: the path to the documents, and the keys that may stand before them (None: any).
# An event may also have a list of that name, but not with only these keys beside it.
_ANSWERS: Mapping[Pointer, frozenset[str] | None] = {
    ("hits", "hits"): None,  # Elasticsearch
    ("response", "hits", "hits"): None,  # its asynchronous searches
    ("rawResponse", "hits", "hits"): None,  # the same, as Kibana shows them
    ("results",): frozenset(  # Splunk's jobs; Defender's hunting by Graph
        {"preview", "init_offset", "messages", "fields", "highlighted", "post_process_count",
         "@odata.context", "schema"}
    ),
    ("Results",): frozenset({"Stats", "Schema"}),  # Defender's hunting
    ("Records",): frozenset(),  # CloudTrail
    ("value",): frozenset({"@odata.context", "@odata.count", "@odata.nextLink"}),  # Graph
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonShape:
    """How an export holds its documents."""

    lines: bool = True  # one document per line
    array: bool = False  # or all of them in one list
    lists: tuple[Pointer, ...] = ()  # the path to the list of documents in each top-level object
    around: Pointer = ()  # the path to a list of objects in the only object: perhaps the events
    bulk: bool = False  # an action line before each document
    strip: Pointer = ()  # the path to the event in each document
    ids: bool = False  # whether documents have Elasticsearch's `_id` beside the event


def find_shape(sample: bytes, strip: str | None = None) -> JsonShape | None:
    """The shape of text that begins with *sample*; None where that is not JSON.

    *strip* names what wraps the events: objects, lists of objects, or both.
    """
    text = sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    pointer = tuple(strip.split(".")) if strip else ()
    shape = _outer(text)
    if shape is None:
        return None
    if shape.bulk:
        return shape
    if not shape.lists:
        prefixes = [pointer[:length] for length in range(1, len(pointer) + 1)]
        there = _list_in(text, dict.fromkeys(prefixes))
        if there and _single(text):
            shape = JsonShape(lines=False, lists=(there,))
            pointer = pointer[len(there) :]
    if not shape.lists and not shape.array and _single(text):
        shape = replace(shape, around=_any_list(text))
    if not pointer:
        return shape
    return replace(
        shape,
        strip=pointer,
        ids=all(isinstance(found.get("_id"), str) for found in _first(text, shape)),
    )


def _outer(text: bytes) -> JsonShape | None:
    if text.startswith((b"[", b"\x1e")):
        return JsonShape(lines=False, array=text.startswith(b"["))
    lines = [line for line in text.split(b"\n") if line.startswith(b"{")]
    if not lines:
        return None
    if text.startswith(b"{"):
        answer = _list_in(text, _ANSWERS)
        if answer:
            return JsonShape(lines=False, lists=(answer,))
    parsed = [found for line in lines[:100] if (found := _object(line)) is not None]
    if not text.startswith(b"{") and not _mostly_objects(text):
        return None  # a table with a cell that begins with a brace, such as a command line
    if parsed:
        action = _action(parsed[0])
        if action is not None and _object(lines[0]) is not None:
            return JsonShape(bulk=True, ids="_id" in action)
        return JsonShape()
    return JsonShape(lines=not _goes_on(text))


def _mostly_objects(text: bytes) -> bool:
    """Whether more than half of the first lines of *text* are objects."""
    begun = [line for line in text.split(b"\n")[:100] if line.strip()]
    return sum(_object(line) is not None for line in begun) * 2 > len(begun)


def _goes_on(text: bytes) -> bool:
    """Whether the first object of *text* ends on a later line, or shares its line with the next."""
    start = JsonText(BytesIO(text))
    try:
        if start.peek() != "{":
            return False
        start.value()
    except DataError:
        first, _newline, rest = text.partition(b"\n")
        pretty = first.rstrip() in (b"{", b'{"') or first.rstrip().endswith((b",", b"{", b"["))
        return bool(rest) and pretty
    return True


def _single(text: bytes) -> bool:
    """Whether no second object begins after the first, as far as *text* shows."""
    start = JsonText(BytesIO(text))
    try:
        start.value()
        return start.peek() != "{"
    except DataError:
        return True


def _list_in(text: bytes, answers: Mapping[Pointer, Collection[str] | None]) -> Pointer:
    """The path in the first object of *text* to one of the lists of *answers*; () if none."""
    try:
        return _walk(JsonText(BytesIO(text)), answers, ())
    except DataError:
        return ()


def _any_list(text: bytes) -> Pointer:
    """Where the object that *text* begins with has its first list of objects; () if nowhere."""
    try:
        return _walk_any(JsonText(BytesIO(text)), ())
    except DataError:
        return ()


def _walk_any(text: JsonText, above: Pointer) -> Pointer:
    for key in keys(text):
        first = text.peek()
        if first == "{":
            found = _walk_any(text, (*above, key))
            if found:
                return found
        elif first == "[":
            text.take("[")
            if text.peek() == "{":
                return (*above, key)
            while text.peek() not in ("]", ""):
                text.value()
            text.take("]")
        else:
            text.value()
    return ()


def _walk(
    text: JsonText, answers: Mapping[Pointer, Collection[str] | None], above: Pointer
) -> Pointer:
    before: set[str] = set()
    for key in keys(text):
        pointer = (*above, key)
        first = text.peek()
        if first == "[" and pointer in answers:
            known = answers[pointer]
            if known is None or before <= set(known):
                text.take("[")
                return pointer if text.peek() in ("{", "]") else ()
        if first == "{" and any(one[: len(pointer)] == pointer for one in answers):
            found = _walk(text, answers, pointer)
            if found:
                return found
        else:
            text.value()
        before.add(key)
    return ()


def _first(text: bytes, shape: JsonShape) -> list[dict[str, Any]]:
    """The first document, if *text* contains it whole; it shows what all documents have."""
    found: Iterator[tuple[int, str]] = documents(BytesIO(text), shape.lists)
    try:
        parsed = [_object(document.encode(errors="replace")) for _, document in islice(found, 1)]
    except DataError:
        return [{}]
    return [one or {} for one in parsed] or [{}]


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _action(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The object of a bulk request's action; None where *found* is not an action."""
    if len(found) != 1:
        return None
    (name, target), *_ = found.items()
    if name in ACTIONS and isinstance(target, dict) and target.keys() <= _ACTION_KEYS:
        return target
    return None
