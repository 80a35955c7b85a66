"""Severity, risk score and name that an event gives its alert instead of the rule."""

from typing import Any

from tests.kibana.rules.schema import SEVERITIES
from tests.kibana.runner.source import flattened

Body = dict[str, Any]
_MOST = 100


def overrides(rule: Body, source: Body) -> Body:
    """The alert's fields that differ from the rule's, and the sentence that says why it is."""
    flat = flattened(source)
    severity = _severity(rule, flat)
    name = _name(rule, flat)
    risk = _risk(rule, flat)
    return {
        "kibana.alert.severity": severity,
        "kibana.alert.risk_score": risk,
        "kibana.alert.rule.name": name,
        "kibana.alert.reason": _reason(flat, severity, name),
    }


def _values(flat: Body, name: str) -> list[Any]:
    value = flat.get(name)
    return [] if value is None else value if isinstance(value, list) else [value]


def _severity(rule: Body, flat: Body) -> str:
    """The highest of those whose exact value the event has; there are no ranges."""
    found = [
        mapping["severity"]
        for mapping in rule.get("severity_mapping") or ()
        for value in _values(flat, mapping["field"])
        if _same(mapping["field"], value, mapping["value"])
    ]
    return str(max(found, key=SEVERITIES.index, default=rule["severity"]))


def _same(field: str, value: object, wanted: str) -> bool:
    if field == "event.severity":  # the only one that is compared as a number
        number, other = _number(value), _number(wanted)
        return number is not None and other is not None and int(number) == int(other)
    return str(value).lower() == wanted if isinstance(value, bool) else str(value) == wanted


def _risk(rule: Body, flat: Body) -> float:
    """The event's own score if it is one; of several the highest."""
    risk = float(rule["risk_score"])
    for mapping in rule.get("risk_score_mapping") or ():
        numbers = [_number(value) for value in _values(flat, mapping["field"])]
        fitting = [number for number in numbers if number is not None and 0 <= number <= _MOST]
        if fitting:
            risk = max(fitting)
            break
    return int(risk) if risk == int(risk) else risk


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except ValueError:
        return None


def _name(rule: Body, flat: Body) -> str:
    for value in _values(flat, rule.get("rule_name_override") or "")[:1]:
        if isinstance(value, str) and value:
            return value
    return str(rule["name"])


def _reason(flat: Body, severity: str, name: str) -> str:
    category = ", ".join(map(str, _values(flat, "event.category")))
    words = [f"{category} event" if category else "event"]
    for field, word in (
        ("process.name", "with process"),
        ("file.name", "with file"),
        ("source.ip", "with source"),
        ("destination.ip", "with destination"),
        ("user.name", "by"),
        ("host.name", "on"),
    ):
        words += [f"{word} {value}" for value in _values(flat, field)[:1]]
    return f"{' '.join(words)} created {severity} alert {name}."
