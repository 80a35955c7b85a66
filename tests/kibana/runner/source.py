"""What of a source document an alert takes over.

Fields that the document has only in its mapping (constant keywords, aliases) are added, and what
would not fit ECS, text where ECS has an object say, is left out, as Kibana does before it writes.
"""

from typing import Any

from tests.kibana.alert_fields import ecs_fields

Body = dict[str, Any]


def copied(hit: Body) -> Body:
    """The hit with the ``_source`` that goes into an alert."""
    source = _fitting("", hit.get("_source") or {})
    flat = flattened(source)
    for name, values in (hit.get("fields") or {}).items():
        parent = name.rpartition(".")[0]
        inside = any(known == name or known.startswith(f"{name}.") for known in flat)
        if inside or parent in flat or name.startswith("_") or _below_leaf(name, flat):
            continue
        source[name] = values[0] if len(values) == 1 else values
    return {**hit, "_source": source}


def flattened(source: Body, prefix: str = "") -> Body:
    """Dotted names and their values, however they are nested."""
    flat: Body = {}
    for key, value in source.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= flattened(value, f"{name}.")
        else:
            flat[name] = value
    return flat


def value_of(source: Body, name: str) -> Any:  # noqa: ANN401
    """The value of a dotted name; None where there is none."""
    return flattened(source).get(name)


def _below_leaf(name: str, flat: Body) -> bool:
    """Whether a part of the name before its end has a value: then it is a multi-field."""
    parts = name.split(".")
    return any(".".join(parts[:end]) in flat for end in range(1, len(parts)))


_LEAVES = frozenset(ecs_fields())
_OBJECTS = frozenset(
    ".".join(name.split(".")[:end]) for name in _LEAVES for end in range(1, name.count(".") + 1)
)


def _fitting(prefix: str, source: Body) -> Body:
    kept: Body = {}
    for key, value in source.items():
        name = f"{prefix}{key}"
        if name in ("kibana", "signal", "threshold_result") or name.startswith("kibana."):
            if name.startswith("kibana"):
                kept[key] = value  # alerts of alerts: their ancestors are read from it
            continue
        if name in _OBJECTS and not _is_object(value):
            continue
        if name in _LEAVES and _is_object(value):
            continue
        kept[key] = _fitting(f"{name}.", value) if isinstance(value, dict) else value
    return kept


def _is_object(value: object) -> bool:
    several = value if isinstance(value, list) else [value]
    return bool(several) and all(isinstance(one, dict) for one in several)
