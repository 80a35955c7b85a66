"""A group of events as the unit: its key, its window, and what each field of it becomes.

::

    unit:
      group: [host.name, rule.id]
      every: 1m
      fields:
        network.bytes: sum                  # the field, reduced, under its own name
        largest: {max: network.bytes}       # the same field once more, under another
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
EVENTS = "events"  # what count takes for all events, whatever fields they have
_INPUT: TypeAdapter[str] = TypeAdapter(InputField)
_EXAMPLE = "write for example network.bytes: sum, or largest: {max: network.bytes}"


class Reduced(NamedTuple):
    """One field of a unit: its name there, and what it is of which field of the events."""

    name: str
    reducer: str
    field: str  # EVENTS where it counts them


class Reduction(Part):
    """What a field becomes in a unit."""

    reducer: Literal[
        "first", "last", "min", "max", "sum", "mean", "count", "distinct", "any", "most_common",
    ] = Field(description="how the values of a group's events become one")  # fmt: skip
    field: FieldName | None = Field(
        default=None, description="the field of the events, where it is not called as the unit's"
    )


def _read(value: object) -> object:
    """The short form of a file as the keys of `Reduction`."""
    if isinstance(value, Reduction):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((reducer, field),) = value.items()
        if not isinstance(field, str):
            raise WrongValue(f"expected the name of a field, found {kind_of(field)}", hint=_EXAMPLE)
        try:
            _INPUT.validate_python(field)
        except ValidationError as error:  # here, so that the error's key is the one of the file
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
    """Events that share the group's fields within one window of event time are one unit."""

    group: InputFields = Field(
        description="field or fields that the events of a unit share",
        examples=["[host.name, rule.id]"],
    )
    every: WindowDuration = Field(
        description="width of the windows that time is cut into", examples=["1m"]
    )
    fields: dict[FieldName, _Reduction] = Field(
        default={},
        description="what every other field becomes in the unit: a reducer, or {reducer: field};"
        f" reducers: {', '.join(REDUCERS)}",
        examples=["{network.bytes: sum}"],
    )

    @property
    def reduced(self) -> tuple[Reduced, ...]:
        """The fields of a unit beside its key, by name: their order in the file means nothing."""
        return tuple(
            Reduced(name, each.reducer, each.field or name)
            for name, each in sorted(self.fields.items())
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Every field that a unit has: its key, then what is reduced."""
        return (*self.group, *self.fields)

    @property
    def sources(self) -> tuple[str, ...]:
        """Every field of the events that units are made from, sorted."""
        read = {each.field for each in self.reduced if each.field != EVENTS}
        return tuple(sorted({*self.group, *read}))
