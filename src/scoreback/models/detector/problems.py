"""Problems of a file: each has its key, what is wrong, and what to write instead."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from scoreback.errors import ConfigError
from scoreback.models.detector.located_yaml import Document, Key
from scoreback.models.detector.wrong import WrongValue

UNIT_TAGS = ("<event>", "<group>")  # pydantic's tags for the two forms of a unit

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file."""

    key: Key
    what: str
    hint: str


def refuse(problems: Iterable[Problem], document: Document) -> ConfigError:
    """One error for all *problems*, in order of lines, each with its key."""
    ordered = sorted(problems, key=lambda problem: document.line(problem.key))
    messages, hints = [], []
    for problem in ordered:
        line = document.line(problem.key)
        named = f"{key_path(problem.key)}: " if problem.key else ""
        messages.append(f"{document.source}:{line}: {named}{problem.what}")
        hints.append(problem.hint if len(ordered) == 1 else f"line {line}: {problem.hint}")
    return ConfigError("\n".join(messages), hint="\n".join(hints))


def key_path(key: Key) -> str:
    """*key* as text: ``alerts.budget``, ``features[3].over``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def closest(word: object, known: Iterable[str]) -> str:
    """A hint with the nearest of *known*, or with all of them."""
    known = list(known)
    near = _near(word, known)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"write one of: {', '.join(known)}"


def kind_of(value: object) -> str:
    """The type of *value* in plain words, for the author of a file."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"true or false ({str(value).lower()})"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {_short(value)}"
        case list() | tuple():
            return "a list"
        case _:
            return "a mapping"


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    root: Key = (),
    rename: Mapping[str, str] | None = None,
) -> Iterator[Problem]:
    """The problems that *model* found in the value at *root*, in plain words.

    Args:
        error: the error that pydantic raised.
        model: the model that was validated.
        root: the path of the validated value in the file.
        rename: the names of the model's keys in the file, if they differ.
    """
    errors = [_without_tags(found) for found in error.errors(include_url=False)]
    misspelt = set(_misspelt(errors, model))
    for found in errors:
        if found["type"] == "missing" and found["loc"] in misspelt:
            continue  # the problem of the unknown key says what to do
        location = tuple(found["loc"])
        if rename and location and location[0] in rename:
            location = (rename[str(location[0])], *location[1:])
        yield _problem(root + location, found, model)


def _without_tags(found: ErrorDetails) -> ErrorDetails:
    """*found* without the parts of its location that pydantic adds and no file has."""
    location = tuple(part for part in found["loc"] if part not in (*UNIT_TAGS, "[key]"))
    return {**found, "loc": location}


def _misspelt(errors: Iterable[ErrorDetails], model: type[BaseModel]) -> Iterator[Key]:
    """Missing keys that an unknown key was probably meant to be."""
    for found in errors:
        if found["type"] == "extra_forbidden":
            *around, last = found["loc"]
            parent = _model_at(model, tuple(around)) or model
            for near in _near(last, parent.model_fields):
                yield (*around, near)


def _near(word: object, known: Iterable[str]) -> list[str]:
    return get_close_matches(str(word).lower(), known, n=1, cutoff=0.6)


def _problem(key: Key, found: ErrorDetails, model: type[BaseModel]) -> Problem:
    kind, value, context = found["type"], found["input"], found.get("ctx") or {}
    cause = context.get("error")
    if isinstance(cause, WrongValue):
        return Problem(key, str(cause), cause.hint)
    *around, last = found["loc"]
    if kind == "extra_forbidden":
        parent = _model_at(model, tuple(around)) or model
        return Problem(key, "unknown key", closest(last, parent.model_fields))
    field = _field_at(model, found["loc"])
    if kind == "missing":
        about = f"{field.description}; " if field else ""
        return Problem(key, "this key is required", about + _example(key, field))
    if kind == "literal_error":
        allowed = [part.strip("'") for part in re.split(", | or ", context["expected"])]
        return Problem(key, f"{_short(value)} is not known", closest(value, allowed))
    if kind in _EXPECTED:
        what = f"expected {_EXPECTED[kind]}, found {kind_of(value)}"
        return Problem(key, what, _example(key, field))
    if kind == "string_pattern_mismatch":
        return Problem(key, f"{_short(value)} is not valid here", _example(key, field))
    return Problem(key, f"{_short(value)}: {found['msg']}", _example(key, field))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _example(key: Key, field: FieldInfo | None) -> str:
    name = next((str(part) for part in reversed(key) if isinstance(part, str)), "")
    if field and field.examples:
        return f"write for example {name}: {field.examples[0]}"
    return f"{name}: {field.description}" if field and field.description else f"correct {name}"


def _field_at(model: type[BaseModel], location: Key) -> FieldInfo | None:
    names = [part for part in location if isinstance(part, str)]
    for i in range(len(names), 0, -1):
        parent = _model_at(model, tuple(names[: i - 1]))
        if parent and names[i - 1] in parent.model_fields:
            return parent.model_fields[names[i - 1]]
    return None


def _model_at(model: type[BaseModel], location: Key) -> type[BaseModel] | None:
    at: type[BaseModel] | None = model
    for part in location:
        if at is None or part not in at.model_fields:
            return None
        at = model_within(at.model_fields[str(part)].annotation)
    return at


def model_within(annotation: object) -> type[BaseModel] | None:
    """The model in *annotation*, which may be optional."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is Annotated:
        return model_within(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        found = [model_within(part) for part in get_args(annotation)]
        return next((part for part in found if part), None)
    return None
