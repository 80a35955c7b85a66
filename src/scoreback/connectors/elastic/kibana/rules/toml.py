"""A detection rule as a TOML file for Elastic's detection-rules: ``[metadata]`` and ``[rule]``.

The keys are those of Kibana's API, except those that such files do not have.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from scoreback.connectors.elastic.kibana.versions import OLDEST

_NOT_IN_FILES = frozenset({"timestamp_override_fallback_disabled"})


def rule_file(body: Mapping[str, Any], *, created: date, updated: date) -> str:
    """The file for the rule of *body*."""
    metadata = {
        "creation_date": f"{created:%Y/%m/%d}",
        "maturity": "production",
        "min_stack_version": f"{OLDEST.major}.{OLDEST.minor}.0",
        "updated_date": f"{updated:%Y/%m/%d}",
    }
    rule = {key: body[key] for key in sorted(body) if key not in _NOT_IN_FILES}
    return f"[metadata]\n{_lines(metadata)}\n\n[rule]\n{_lines(rule)}\n"


def _lines(table: Mapping[str, Any]) -> str:
    return "\n".join(f"{key} = {_value(value, top=True)}" for key, value in table.items())


def _value(value: object, *, top: bool = False) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        items = [_value(item) for item in value]
        return "[\n  " + ",\n  ".join(items) + ",\n]" if top and items else f"[{', '.join(items)}]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    text = str(value)
    if top and "\n" in text and not text.endswith('"'):
        escaped = text.replace("\\", "\\\\").replace('"""', '""\\"')
        return f'"""\n{escaped}"""'
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
