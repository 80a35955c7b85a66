"""Finds rules as ``_find`` and bulk actions do: by a query over the saved object's attributes."""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

from tests.kibana.kql import KqlError
from tests.kibana.kql_matching import matches
from tests.kibana.refusals import DetectionRefusal
from tests.kibana.rules.schema import SEVERITIES
from tests.kibana.rules.store import Rule, Rules

_PREFIX = "alert.attributes."
_TEXT = frozenset({_PREFIX + "name", _PREFIX + "params.description"})
_SORTED_BY = {
    "createdAt": "created_at", "created_at": "created_at", "enabled": "enabled", "name": "name",
    "riskScore": "risk_score", "risk_score": "risk_score", "severity": "severity",
    "updatedAt": "updated_at", "updated_at": "updated_at",
}  # fmt: skip


def selected(rules: Rules, query: str | None) -> list[Rule]:
    """The rules that match, in the order they were made.

    Raises:
        DetectionRefusal: The query cannot be read (400).
    """
    try:
        return [
            rule
            for rule in rules.by_id.values()
            if not query or matches(query, partial(_values, rule), _TEXT)
        ]
    except KqlError as wrong:
        raise DetectionRefusal(400, str(wrong)) from wrong


def ordered(rules: Iterable[Rule], by: str | None, order: str | None) -> list[Rule]:
    """The rules sorted as asked for; without a field by when they were made, newest first.

    Raises:
        DetectionRefusal: They cannot be sorted by that (400).
    """
    if by is not None and by not in _SORTED_BY:
        names = " | ".join(f"'{name}'" for name in _SORTED_BY)
        raise DetectionRefusal(
            400, f"sort_field: Invalid enum value. Expected {names}, received '{by}'"
        )
    if (by is None) != (order is None):
        raise DetectionRefusal(400, 'when "sort_order" and "sort_field" must exist together or '
                                    "not at all")  # fmt: skip
    name = _SORTED_BY[by] if by else "created_at"

    def key(rule: Rule) -> Any:  # noqa: ANN401
        value = rule.body[name]
        return SEVERITIES.index(value) if name == "severity" else value

    return sorted(rules, key=key, reverse=(order or "desc") == "desc")


def _values(rule: Rule, field: str) -> list[Any]:
    """The values of an attribute: ``alert.attributes.tags``, ``alert.attributes.params.ruleId``."""
    name = field.removeprefix(_PREFIX)
    if name in ("id", "alert.id"):
        return [f"alert:{rule.id}", rule.id]
    if name.startswith("params."):
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", name.removeprefix("params.")).lower()
    elif name not in ("name", "tags", "enabled", "createdBy", "updatedBy", "muteAll", "revision"):
        return []
    else:
        name = {"createdBy": "created_by", "updatedBy": "updated_by"}.get(name, name)
    value: Any = rule.muted if name == "muteAll" else rule.body
    for part in name.split(".") if value is rule.body else ():
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]
