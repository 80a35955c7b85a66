"""Value types of a detector file: durations, rates, shares, field names, patterns, cron lines.

Each is written as people write it (``1h``, ``20/day``, ``0.1%``). A validator reads it and says
what it expected; a serializer writes it back in the same form.
"""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from scoreback.models.detector.cron import check_cron_line
from scoreback.models.detector.day_start import DayStart, parse_day_start
from scoreback.models.detector.regex import check_pattern
from scoreback.models.detector.wrong import WrongValue
from scoreback.times import UNITS, duration

_PER_DAY = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)\s*/\s*day")
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,8})?)\s*%")
LONGEST = timedelta(days=3650)  # ten years; more is a typing error


def parse_duration(text: object) -> timedelta:
    """``"5m"``, ``"1h"``, ``"7d"`` as a timedelta.

    Raises:
        ValueError: it is not a whole number followed by s, m, h, d or w, or it is over ten years.
    """
    if isinstance(text, timedelta):
        return text
    found = duration(text)
    if found is None:
        raise WrongValue(
            f"{text!r} is not a duration", hint="write a number and s, m, h, d or w: 5m, 7d"
        )
    if found > LONGEST:
        raise WrongValue(f"{text!r} is over ten years", hint="write a shorter duration: 90d")
    return found


def format_duration(value: timedelta) -> str:
    """A duration as the file writes it: the largest unit up to days that divides it."""
    seconds = int(value.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % UNITS[unit] == 0:
            return f"{seconds // UNITS[unit]}{unit}"
    return f"{seconds}s"


def _at_least(least: timedelta) -> AfterValidator:
    def check(value: timedelta) -> timedelta:
        if value < least:
            raise WrongValue(
                f"{format_duration(value)} is too short",
                hint=f"write at least {format_duration(least)}",
            )
        return value

    return AfterValidator(check)


def _per_day(text: object) -> object:
    if isinstance(text, float):  # from code; numbers of a file arrive as int or text
        return text
    match = _PER_DAY.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise WrongValue(f"{text!r} is not a number a day", hint="write for example 20/day")
    return float(match[1])


def _some_a_day(value: float) -> float:
    if value <= 0:
        raise WrongValue(
            f"{format_per_day(value)} would never raise an alert",
            hint="write how many alerts the team can read a day: 20/day",
        )
    return value


def _whole_per_day(value: float) -> float:
    if value < 1 or value != int(value):
        raise WrongValue(
            f"{format_per_day(value)} is not a whole number of at least 1 a day",
            hint="write for example 3/day; to alert less, lower the budget",
        )
    return value


def format_per_day(value: float) -> str:
    """A rate as the file writes it."""
    return f"{value:.14g}/day"


def _share(text: object) -> object:
    if isinstance(text, float):
        return text
    match = _SHARE.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise WrongValue(f"{text!r} is not a percentage", hint="write a percentage, for example 1%")
    return float(match[1]) / 100


def _at_most_all(value: float) -> float:
    if not 0 <= value <= 1:
        raise WrongValue(
            f"{format_share(value)} is not within 0..100%", hint="write for example 1%"
        )
    return value


def _not_nothing(value: float) -> float:
    if value <= 0:
        raise WrongValue(
            "0% would store no score, so no alert could be raised",
            hint="write the share of highest scores to keep, for example 1%",
        )
    return value


def format_share(value: float) -> str:
    """A share as the file writes it."""
    return f"{value * 100:.10g}%"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | int | bool) else value


def _texts(value: object) -> object:
    """Labels as text: a file may write 1 or true where the SIEM has the text '1' or 'true'."""
    listed = _listed(value)
    if not isinstance(listed, list):
        return listed
    return [
        str(v).lower() if isinstance(v, bool) else str(v) if isinstance(v, int) else v
        for v in listed
    ]


def _field_name(value: str) -> str:
    if not _FIELD_NAME.fullmatch(value):
        raise WrongValue(
            f"{value!r} is not a valid field name",
            hint="write its ECS dotted name, for example source.ip",
        )
    return value


FIELD_NAME = r"[A-Za-z_@][A-Za-z0-9_@.\-]{0,254}"
_FIELD_NAME = re.compile(FIELD_NAME)
_SCALAR = {"type": ["string", "integer", "boolean"]}


def _text(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


_duration = (
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration),
    _text(r"^(0|[1-9]\d*)[smhdw]$", "1h"),
)
Duration = Annotated[timedelta, *_duration]
OverDuration = Annotated[timedelta, _at_least(timedelta(minutes=1)), *_duration]
WindowDuration = Annotated[timedelta, _at_least(timedelta(seconds=1)), *_duration]
DayDuration = Annotated[timedelta, _at_least(timedelta(days=1)), *_duration]

_rate = (
    BeforeValidator(_per_day),
    PlainSerializer(format_per_day),
    _text(r"^\d+(\.\d+)?\s*/\s*day$", "20/day"),
)
PerDay = Annotated[float, AfterValidator(_some_a_day), *_rate]
WholePerDay = Annotated[float, AfterValidator(_whole_per_day), *_rate]

_percentage = (
    BeforeValidator(_share),
    PlainSerializer(format_share),
    _text(r"^\d+(\.\d+)?\s*%$", "1%"),
)
Share = Annotated[float, AfterValidator(_at_most_all), *_percentage]
PositiveShare = Annotated[
    float, AfterValidator(_at_most_all), AfterValidator(_not_nothing), *_percentage
]

DayStarts = Annotated[
    DayStart,
    BeforeValidator(parse_day_start),
    PlainSerializer(str),
    _text(r"^([01]\d|2[0-3]):[0-5]\d(\s+\S+)?$", "06:00 Europe/Berlin"),
]

FieldName = Annotated[
    str, AfterValidator(_field_name), _text(rf"^{_FIELD_NAME.pattern}$", "source.ip")
]
Texts = Annotated[
    list[str],
    BeforeValidator(_texts),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR, "minItems": 1}]}),
]
FIELD_SCHEMA = {"type": "string", "pattern": rf"^{_FIELD_NAME.pattern}$"}
FieldNames = Annotated[
    tuple[FieldName, ...],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=4),
    WithJsonSchema(
        {
            "anyOf": [
                FIELD_SCHEMA,
                {"type": "array", "items": FIELD_SCHEMA, "minItems": 1, "maxItems": 4},
            ]
        }
    ),
]
Pattern = Annotated[str, AfterValidator(check_pattern)]
CronLine = Annotated[str, AfterValidator(check_cron_line)]
