"""Conditions in Kibana's query language, with every value quoted, so that none becomes syntax."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

Value = str | bool


def kql(
    only: Mapping[str, Value | tuple[Value, ...]],
    *,
    without: Mapping[str, Value | tuple[Value, ...]] = MappingProxyType({}),
    absent: Iterable[str] = (),
) -> str:
    """The query for documents whose fields have the values of *only*, and not those of *without*.

    They have no value at all in the fields of *absent*.
    """
    parts = [f"{field} : {_values(value)}" for field, value in only.items()]
    parts += [f"not {field} : {_values(value)}" for field, value in without.items()]
    return " and ".join([*parts, *(f"not {field} : *" for field in absent)])


def text_of(value: str) -> str:
    """*value* as plain text of KQL or ES|QL: never a wildcard, an operator or a closing quote."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    # Both languages interpret these three also in quoted text.
    for plain, written in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(plain, written)
    return f'"{escaped}"'


def _values(value: Value | tuple[Value, ...]) -> str:
    if isinstance(value, tuple):
        return f"({' or '.join(map(_one, value))})"
    return _one(value)


def _one(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return text_of(value)
