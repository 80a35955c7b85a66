"""Finds the entity that a finding is about if it names none of Scoreback's events."""

from collections.abc import Mapping
from typing import Any

from scoreback.connectors.splunk.names import flat
from scoreback.connectors.splunk.reading.cim import candidates
from scoreback.connectors.splunk.rules.enterprise_security import entity_type


def entity_in(field: str, finding: Mapping[str, Any]) -> str | None:
    """The value of the event field *field* in *finding*, under any of its names there.

    A risk finding names its object instead of a field: it counts if it is of the same kind.
    """
    for name in (*candidates(field, {}), flat(field)):
        if (value := _only(finding.get(name))) is not None:
            return value
    if _only(finding.get("risk_object_type")) == entity_type(field):
        return _only(finding.get("normalized_risk_object")) or _only(finding.get("risk_object"))
    return None


def _only(value: object) -> str | None:
    """*value*, or the item of a list of one; with several, it is unclear which was meant."""
    if isinstance(value, list):
        return _only(value[0]) if len(value) == 1 else None
    return None if value in (None, "") else str(value)
