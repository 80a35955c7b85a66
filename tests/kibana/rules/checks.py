"""Checks of JSON in the manner of Kibana's request schemas: what is unknown is left out in silence.

A check gets the path and the value, adds what is wrong to the report, and returns what is kept. The
wording is that of the library Kibana checks with.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.kibana.refusals import Refusal

_SHOWN = 5


@dataclass
class Report:
    """What a request body has wrong, and what was left out of it."""

    errors: list[str] = field(default_factory=list)
    stripped: list[str] = field(default_factory=list)

    def wrong(self, path: str, text: str) -> None:
        """One error."""
        self.errors.append(f"{path}: {text}")

    def message(self) -> str:
        """The first of the errors, as Kibana lists them."""
        more = len(self.errors) - _SHOWN
        listed = ", ".join(self.errors[:_SHOWN])
        return f"{listed}, and {more} more" if more > 0 else listed

    def refuse(self) -> None:
        """Refuse the request if anything is wrong."""
        if self.errors:
            raise Refusal(400, f"[request body]: {self.message()}")


Check = Callable[[str, Any, Report], Any]


def kind_of(value: object) -> str:
    """What a value is called in an error."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return names[type(value)]


def _expected(path: str, value: object, kind: str, report: Report) -> None:
    report.wrong(path, f"Expected {kind}, received {kind_of(value)}")


def anything(_path: str, value: Any, _report: Report) -> Any:  # noqa: ANN401
    """Keep it as it is."""
    return value


def text(least: int = 0) -> Check:
    """Text of at least so many characters."""

    def check(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
        if not isinstance(value, str):
            _expected(path, value, "string", report)
        elif len(value.strip()) < least:
            report.wrong(path, f"String must contain at least {least} character(s)")
        return value

    return check


def boolean(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
    """True or false."""
    if not isinstance(value, bool):
        _expected(path, value, "boolean", report)
    return value


def integer(least: int, most: int | None = None) -> Check:
    """A whole number between two others."""

    def check(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
        if isinstance(value, bool) or not isinstance(value, int | float):
            _expected(path, value, "number", report)
        elif value != int(value):
            report.wrong(path, "Expected integer, received float")
        elif value < least:
            report.wrong(path, f"Number must be greater than or equal to {least}")
        elif most is not None and value > most:
            report.wrong(path, f"Number must be less than or equal to {most}")
        return value

    return check


def one_of(*values: str) -> Check:
    """One of the words."""
    expected = " | ".join(f"'{value}'" for value in values)

    def check(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
        if value not in values:
            shown = f"'{value}'" if isinstance(value, str) else kind_of(value)
            report.wrong(path, f"Invalid enum value. Expected {expected}, received {shown}")
        return value

    return check


def array(item: Check, least: int = 0, most: int | None = None) -> Check:
    """A list of so many."""

    def check(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
        if not isinstance(value, list):
            _expected(path, value, "array", report)
            return value
        if len(value) < least:
            report.wrong(path, f"Array must contain at least {least} element(s)")
        if most is not None and len(value) > most:
            report.wrong(path, f"Array must contain at most {most} element(s)")
        return [item(f"{path}.{place}", one, report) for place, one in enumerate(value)]

    return check


def fields(
    path: str,
    value: Mapping[str, Any],
    required: Mapping[str, Check],
    optional: Mapping[str, Check],
    report: Report,
) -> dict[str, Any]:
    """The known fields of an object, checked."""
    prefix = f"{path}." if path else ""
    for name in required:
        if name not in value:
            report.wrong(prefix + name, "Required")
    kept: dict[str, Any] = {}
    for name, inner in value.items():
        check = required.get(name) or optional.get(name)
        if check is None:
            report.stripped.append(prefix + name)
        else:
            kept[name] = check(prefix + name, inner, report)
    return kept


def shape(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields."""

    def check(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
        if not isinstance(value, dict):
            _expected(path, value, "object", report)
            return value
        return fields(path, value, required, optional or {}, report)

    return check


def record(path: str, value: Any, report: Report) -> Any:  # noqa: ANN401
    """An object with any fields."""
    if not isinstance(value, dict):
        _expected(path, value, "object", report)
    return value
