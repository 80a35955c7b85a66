"""Flattens one JSON document to text under dotted names; this defines what a document means.

`scoreback.connectors.json.decode` does the same for whole batches, and uses this file for the
documents that its typed decoder cannot handle.

Every value is text: a fraction as it is written (1.10 is not 1.1), an integer in full. ``{"a.b":
1}`` and ``{"a": {"b": 1}}`` are the same field. A field has all values that a document has for it:
those in lists, in lists within lists, in objects within lists, and under each spelling of the name,
the spelling with the fewest levels first. Several values share one text (`scoreback.multivalue`).
Nulls are not values, nor are empty texts beside other values. If an object repeats a key, the last
one counts.
"""

import json
from collections.abc import Container, Iterator
from itertools import chain
from operator import itemgetter
from typing import Any

from scoreback.errors import DataError
from scoreback.multivalue import cell

Pointer = tuple[str, ...]  # keys from the outermost object inwards

MAX_LEVELS = 32  # a document that is nested deeper is not an event
MAX_TEXT = 1_000_000  # characters; longer text is not a field that a detector could use
TOO_LONG = f"a field is longer than {MAX_TEXT:,} characters"
_TOO_DEEP = f"nested deeper than {MAX_LEVELS} levels"
_END = object()


def parsed(document: str) -> dict[str, Any]:
    """The document as an object; fractions keep the text that they are written with.

    Raises:
        DataError: the document is not a JSON object; the message says why.
    """
    try:
        found = _DECODER.decode(document)
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg}") from error
    except RecursionError as error:
        raise DataError(_TOO_DEEP) from error
    if not isinstance(found, dict):
        raise DataError("not a JSON object")
    if "\\u" in document:  # the only way to write a lone surrogate, which no text column can hold
        _check_unicode(found)
    return found


def leaves(found: dict[str, Any]) -> Iterator[tuple[Pointer, list[Any]]]:
    """Every key that holds something other than objects, with its values; lists are flattened.

    Keys with fewer levels come first; keys with equally many follow the order of their parents'
    pointers. Each object in a list is searched like a single object. An empty object or list makes
    a leaf without a value.
    """
    level: list[tuple[Pointer, list[dict[str, Any]]]] = [((), [found])]
    while level:
        below = []
        for pointer, objects in level:
            values: dict[str, list[Any]] = {}
            inside: dict[str, list[dict[str, Any]]] = {}
            for key, value in chain.from_iterable(map(dict.items, objects)):
                for item in items(value) if isinstance(value, list) else (value,):
                    if isinstance(item, dict) and item:
                        inside.setdefault(key, []).append(item)
                    elif not isinstance(item, dict):
                        values.setdefault(key, []).append(item)
                if key not in inside:
                    values.setdefault(key, [])
            yield from (((*pointer, key), some) for key, some in values.items())
            below += [((*pointer, key), some) for key, some in inside.items()]
        below.sort(key=itemgetter(0))
        level = below


def flattened(found: dict[str, Any], fields: Container[str] | None = None) -> dict[str, str]:
    """The object's values under dotted names, as cells of text columns; nulls are left out.

    Args:
        found: the result of `parsed`.
        fields: the fields to return; without them all, and then each needs a valid field name.

    Raises:
        DataError: a value or a name cannot be used; the message says why.
    """
    values: dict[str, list[str]] = {}
    for pointer, some in leaves(found):
        name = ".".join(pointer)
        if fields is None:
            _check_name(name, pointer)
        elif name not in fields:
            continue
        texts = [as_text(value) for value in some if value is not None]
        if texts:
            values.setdefault(name, []).extend(texts)
    return {name: _cell(texts) for name, texts in values.items()}


def items(value: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON
    """The items of the list *value* and of lists in it; *value* itself if it is not a list."""
    open_lists = [iter(value if isinstance(value, list) else (value,))]
    while open_lists:
        item = next(open_lists[-1], _END)
        if item is _END:
            open_lists.pop()
        elif isinstance(item, list):
            open_lists.append(iter(item))
        else:
            yield item


def as_text(value: str | int) -> str:
    """The text of a value that is not a list, an object or null.

    Raises:
        DataError: the text is too long for a field.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if len(text) > MAX_TEXT:
        raise DataError(TOO_LONG)
    return text


def spellings(field: str) -> list[Pointer]:
    """The pointers that spell *field*, by priority."""
    parts = field.split(".")
    found: list[Pointer] = [(parts[0],)]
    for part in parts[1:]:
        found = [p for f in found for p in ((*f[:-1], f"{f[-1]}.{part}"), (*f, part))]
    return sorted(found, key=lambda pointer: (len(pointer), pointer))


def _cell(texts: list[str]) -> str:
    found = cell(texts) or ""
    if len(texts) > 1 and len(found) > MAX_TEXT:
        raise DataError(TOO_LONG)
    return found


def _whole(text: str) -> int | str:
    return int(text) if len(text) < 1000 else text  # Python parses no longer integers


_DECODER = json.JSONDecoder(parse_float=str, parse_int=_whole, parse_constant=str)


def _check_name(name: str, pointer: Pointer) -> None:
    if not name or "\0" in name:
        raise DataError("a field has no name")
    if len(pointer) > MAX_LEVELS:
        raise DataError(_TOO_DEEP)


def _check_unicode(found: dict[str, Any]) -> None:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DataError("half a surrogate pair is not valid text") from error
