"""The JSON Schema of detector files, with which editors complete and check them."""

from typing import Any

from pydantic import BaseModel

from scoreback.models.detector.feature_forms import OF_EVENTS
from scoreback.models.detector.features import (
    EVENT_KINDS,
    TAKES,
    TAKING_KINDS,
    WINDOW_KINDS,
    EventFeature,
    WindowFeature,
)
from scoreback.models.detector.fixture_tests import Expect, FixtureTest, TestFile
from scoreback.models.detector.problems import model_within
from scoreback.models.detector.spec import Detector

_KINDS = {
    "number": "the value as a number",
    "category": "the value as a category, learnt in training; several values make one set",
    "ngrams": "how much the parts of the text look like attacks, learnt in training; several"
    " values are joined by blanks",
    "length": "how many characters the text has",
    "entropy": "how random the characters of the text are, in bits",
    "digits": "how many digits the text has",
    "matches": "whether the regular expression finds something in the text",
    "ratio": "the first field divided by the second",
    "hour_of_day": "hour of the time, 0 to 23, UTC",
    "day_of_week": "day of the time, Monday is 1",
    "is_private_ip": "whether the address is private, loopback or link-local",
    "count": "how many earlier events share the key",
    "distinct": "how many values the field had in earlier events that share the key",
    "rarity": "how rare this value is among earlier events that share the key; of several values,"
    " the rarest counts",
    "sum": "sum of the field over earlier events that share the key",
    "mean": "mean of the field over earlier events that share the key",
    "since_last": "seconds since the last event that shares the key",
}
_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TAKE = "which number to use if the field has several values"


def json_schema() -> dict[str, object]:
    """The schema of a detector file, with descriptions and defaults."""
    schema = _described(Detector)
    definitions = schema["$defs"]
    for replaced in ("EventFeature", "WindowFeature"):
        del definitions[replaced]
    field = EventFeature.model_json_schema()["properties"]["field"]
    parts = {"field": _untitled(field), "name": {"type": "string", "minLength": 1}}
    window = WindowFeature.model_json_schema()["properties"]
    parts |= {"by": _untitled(window["by"]), "over": _untitled(window["over"])}
    features = schema["properties"]["features"]
    features["items"] = _feature([_form(kind, parts) for kind in EVENT_KINDS + WINDOW_KINDS])
    return {"$schema": _DRAFT, **schema, "title": "Scoreback detector"}


def tests_schema() -> dict[str, object]:
    """The schema of NAME.tests.yml, a file of tests beside a detector file."""
    schema = _described(TestFile)
    test, expect = (schema["$defs"][model.__name__] for model in (FixtureTest, Expect))
    test["anyOf"] = [{"required": ["events"]}, {"required": ["events_file"]}]
    expect["minProperties"] = 1
    return {"$schema": _DRAFT, **schema, "title": "Tests of a Scoreback detector"}


def _described(root: type[BaseModel]) -> dict[str, Any]:
    """The schema of *root*, with defaults as a file writes them, and without titles of keys."""
    schema = root.model_json_schema()
    for model in _models(root):
        described = schema if model is root else schema["$defs"][model.__name__]
        defaults = model.model_construct().model_dump(mode="json", warnings=False)
        for name, entry in described["properties"].items():
            entry.pop("title", None)
            if "default" in entry:
                entry["default"] = defaults[name]
    return schema


def _feature(forms: list[dict[str, Any]]) -> dict[str, object]:
    """One of *forms*, chosen by the kind it names, so that errors are about that form only."""
    kinds = [form["required"][0] for form in forms]
    names = sorted({name for form in forms for name in form["properties"]})
    return {
        "type": "object",
        "propertyNames": {"enum": names},
        "if": {"propertyNames": {"enum": names}},
        "then": {"anyOf": [{"required": [kind]} for kind in kinds]},
        "allOf": [
            {"if": {"required": [kind]}, "then": form}
            for kind, form in zip(kinds, forms, strict=True)
        ],
    }


def _form(kind: str, parts: dict[str, dict[str, object]]) -> dict[str, Any]:
    value: dict[str, object] = {**parts["field"]}
    if kind in OF_EVENTS:
        value = {"const": "events"}
    elif kind == "ratio":
        value = {"type": "array", "items": parts["field"], "minItems": 2, "maxItems": 2}
    properties = {kind: {**value, "description": _KINDS[kind]}, "name": parts["name"]}
    required = [kind]
    if kind == "matches":
        pattern = {"type": "string", "minLength": 1, "description": "regular expression (RE2)"}
        properties["pattern"] = pattern
        required.append("pattern")
    if kind in WINDOW_KINDS:
        properties |= {"by": parts["by"], "over": parts["over"]}
        required += ["by", "over"]
    if kind in TAKING_KINDS:
        properties["take"] = {"enum": list(TAKES), "default": "first", "description": _TAKE}
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        inner = model_within(field.annotation)
        found += _models(inner) if inner else []
    return found


def _untitled(entry: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in entry.items() if name != "title"}
