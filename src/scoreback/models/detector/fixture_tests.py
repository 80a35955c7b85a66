"""The tests in a detector file: fixture events, and what is expected of them."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from scoreback.models.detector.features import Part
from scoreback.models.detector.wrong import WrongValue

# Keys of a fixture event that are not fields.
EVENT_ID, EVENT_TIME, ARRIVAL_TIME = "event_id", "event_time", "arrival_time"
TIME_NAMES = (EVENT_TIME, "@timestamp")

_COMPARISON = re.compile(r"(>=|<=|!=|>|<)\s*(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)")
_CLOSE = 1e-6  # tolerance between two numbers, relative, or absolute near zero
_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    "!=": lambda a, b: not _same(a, b),
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}
_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_ONE_ID = {"type": ["string", "integer"]}
_ONE_VALUE = {**_SCALAR, "description": 'a value, null for missing, or a comparison: ">= 3"'}


class Wanted(NamedTuple):
    """An expected value: equal to something, or a comparison with a number."""

    written: str
    value: float | str | None = None
    comparison: str = ""  # empty if equality is meant

    def holds(self, found: float | str | None) -> bool:
        """Whether *found* is as expected; None means missing."""
        if self.comparison:
            bound = self.value
            return (
                isinstance(found, float)
                and isinstance(bound, float)
                and _HOLDS[self.comparison](found, bound)
            )
        if isinstance(found, float):
            number = _number(self.value)
            return number is not None and _same(found, number)
        return found == (None if self.value is None else str(self.value))


def wanted(written: object) -> Wanted:
    """Read *written*, a value of a file: ``3``, ``cmd.exe``, ``null``, ``">= 0.5"``."""
    if written is None:
        return Wanted("missing")
    text = str(written).lower() if isinstance(written, bool) else str(written)
    compared = _COMPARISON.fullmatch(text.strip()) if isinstance(written, str) else None
    if compared:
        return Wanted(text.strip(), float(compared[2]), compared[1])
    return Wanted(text, text)


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _same(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_CLOSE, abs_tol=_CLOSE)


def _ids(value: object) -> object:
    """One or several ids as text; events without an id are named 1, 2, 3."""
    listed = [value] if isinstance(value, str | int) else value
    if not isinstance(listed, list):
        return listed
    return [str(one) if isinstance(one, int) else one for one in listed]


Ids = Annotated[
    list[str],
    BeforeValidator(_ids),
    WithJsonSchema({"type": ["array", "string", "integer"], "items": _ONE_ID}),
]
ScoreValue = Annotated[
    Any,
    WithJsonSchema({"type": ["string", "number"], "description": 'a comparison: ">= 0.5"'}),
]
Cells = Annotated[
    dict[str, Any],
    Field(min_length=1),
    WithJsonSchema({"type": "object", "additionalProperties": _ONE_VALUE, "minProperties": 1}),
]


class Expect(Part):
    """What is expected of a test's events, which are named by their ids, or 1, 2, 3."""

    cells: dict[str, Cells] | None = Field(
        default=None,
        description="cells of the feature matrix: event, feature, value; needs no model",
    )
    alerts: Ids | None = Field(
        default=None,
        description="the events that open an alert, exactly these, or []; needs a model",
    )
    scores: dict[str, ScoreValue] | None = Field(
        default=None, description='scores of events, as ">= 0.5" or "< 0.1"; needs a model'
    )
    reasons: dict[str, Ids] | None = Field(
        default=None,
        description="features that must be among the reasons of an event; needs a model",
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        given = (self.cells, self.alerts, self.scores, self.reasons)
        if all(one is None for one in given):
            raise WrongValue(
                "nothing is expected",
                hint="write cells, alerts, scores or reasons: {alerts: [1]}",
            )
        for event, written in (self.scores or {}).items():
            expected = wanted(written)
            if not expected.comparison and _number(expected.value) is None:
                raise WrongValue(
                    f"{written!r}, the score of {event!r}, is not a comparison or a number",
                    hint='write for example {scores: {1: ">= 0.5"}}',
                )
        return self

    @property
    def needs_model(self) -> bool:
        """Whether anything but cells is expected."""
        return any(one is not None for one in (self.alerts, self.scores, self.reasons))

    def events(self) -> set[str]:
        """The events about which something is expected."""
        named = {*(self.cells or ()), *(self.scores or ()), *(self.reasons or ())}
        return named | set(self.alerts or ())


class FixtureTest(Part):
    """One test: fixture events, and what is expected of them."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="what the test is about, as a sentence"
    )
    events: list[dict[str, Any]] = Field(
        default=[],
        description="fixture events, one mapping each: @timestamp, fields by name, and event_id"
        " if something is expected of the event;"
        " {repeat: 50, every: 1s, event: {...}} makes 50 of them",
    )
    events_file: str | None = Field(
        default=None,
        description="NDJSON file of fixture events, beside the file of the test; they come before"
        " `events`",
    )
    expect: Expect = Field(description="what is expected", examples=["{alerts: [1]}"])

    @model_validator(mode="after")
    def _some_events(self) -> Self:
        if not self.events and self.events_file is None:
            raise WrongValue(
                "the test has no events", hint="write events: [...], or events_file: FILE"
            )
        return self


class TestFile(Part):
    """A file of tests beside a detector file."""

    __test__ = False  # for pytest, which collects classes with such names

    tests: list[FixtureTest] = Field(
        min_length=1,
        description="tests of the detector file beside this one",
        examples=["[{name: ...}]"],
    )


def unknown_features(test: FixtureTest, known: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """(event, name) of the features that *test* expects something of, but that are not *known*."""
    for event, cells in (test.expect.cells or {}).items():
        yield from ((event, name) for name in cells if name not in known)
    for event, names in (test.expect.reasons or {}).items():
        yield from ((event, name) for name in names if name not in known)
