"""A group of events as the unit: its key, its window, and how its fields are reduced.

::

    unit:
      group: [host.name, rule.id]
      every: 1m
      fields:
        network.bytes: sum                  # the field, reduced, under its own name
        largest: {max: network.bytes}       # the same field again, under another name
        alerts: {count: events}             # how many events the group has
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from scoreback.models.detector.features import InputField, InputFields, Part
from scoreback.models.detector.problems import closest, kind_of
from scoreback.models.detector.quantities import FIELD_SCHEMA, FieldName, WindowDuration
from scoreback.models.detector.wrong import WrongValue

REDUCERS = (
    "first", "last", "min", "max", "sum", "mean", "count", "distinct", "any", "most_common",
)  # fmt: skip
EVENTS = "events"  # count counts all events, whatever fields they have
_INPUT: TypeAdapter[str] = TypeAdapter(InputField)
_EXAMPLE = "write for example network.bytes: sum, or largest: {max: network.bytes}"


class Reduced(NamedTuple):
    """One field of a unit: its name, its reducer, and the field of the events."""

    name: str
    reducer: str
    field: str  # EVENTS if it counts them


class Reduction(Part):
    """How a field becomes one value of a unit."""

    reducer: Literal[
        "first", "last", "min", "max", "sum", "mean", "count", "distinct", "any", "most_common",
    ] = Field(description="how the values of a group's events become one")  # fmt: skip
    field: FieldName | None = Field(
        default=None, description="the field of the events, if its name differs"
    )


def _read(value: object) -> object:
    """Read the short form of a file into the keys of `Reduction`."""
    if isinstance(value, Reduction):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((reducer, field),) = value.items()
        if not isinstance(field, str):
            raise WrongValue(f"expected the name of a field, found {kind_of(field)}", hint=_EXAMPLE)
        try:
            _INPUT.validate_python(field)
        except ValidationError as error:  # checked here, so that the error names the file's key
            raise error.errors()[0]["ctx"]["error"] from error
    elif isinstance(value, str):
        reducer, field = value, None
    else:
        raise WrongValue(f"expected a reducer, found {kind_of(value)}", hint=_EXAMPLE)
    if reducer not in REDUCERS:
        raise WrongValue(f"no reducer is called {reducer!r}", hint=closest(reducer, REDUCERS))
    if field == EVENTS and reducer != "count":
        raise WrongValue(f"{reducer} takes a field, not events", hint="only count takes events")
    return {"reducer": reducer, "field": field}


def _written(value: Reduction) -> str | dict[str, str]:
    return value.reducer if value.field is None else {value.reducer: value.field}


_SCHEMA = {
    "anyOf": [
        {"enum": list(REDUCERS)},
        {
            "type": "object",
            "properties": dict.fromkeys(REDUCERS, FIELD_SCHEMA),
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    ]
}
_Reduction = Annotated[
    Reduction, BeforeValidator(_read), PlainSerializer(_written), WithJsonSchema(_SCHEMA)
]


class GroupUnit(Part):
    """Events that share the group's fields in one window of event time are one unit."""

    group: InputFields = Field(
        description="field or fields that the events of a unit share",
        examples=["[host.name, rule.id]"],
    )
    every: WindowDuration = Field(
        description="length of the windows that time is divided into", examples=["1m"]
    )
    fields: dict[FieldName, _Reduction] = Field(
        default={},
        description="how every other field becomes one value of the unit: a reducer, or"
        " {reducer: field}; reducers: " + ", ".join(REDUCERS),
        examples=["{network.bytes: sum}"],
    )

    @property
    def reduced(self) -> tuple[Reduced, ...]:
        """The fields of a unit beside its key, by name: their order in the file has no meaning."""
        return tuple(
            Reduced(name, each.reducer, each.field or name)
            for name, each in sorted(self.fields.items())
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All fields of a unit: its key, then the reduced ones."""
        return (*self.group, *self.fields)

    @property
    def sources(self) -> tuple[str, ...]:
        """All fields of events that units are made from, sorted."""
        read = {each.field for each in self.reduced if each.field != EVENTS}
        return tuple(sorted({*self.group, *read}))
