"""Rules against Elastic's own schemas of rule files, which lie beside the project and never in it.

Those schemas are of rules as Elastic's repository keeps them, so what only the API has is left out
first: the server's own fields, and parts of fields that the repository works out when it builds.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

SCHEMAS = Path(__file__).parents[3] / "shared" / "vendor" / "elastic-rule-schemas"
TYPES = ("query", "esql", "threshold", "new_terms")
_OF_SERVER = {
    "id", "immutable", "rule_source", "created_at", "created_by", "updated_at", "updated_by",
    "execution_summary", "output_index", "namespace", "outcome", "alias_target_id",
    "alias_purpose", "timestamp_override_fallback_disabled", "saved_id",
}  # fmt: skip
_LISTS = ("required_fields", "related_integrations")
"""Lists of which the schemas of some versions know only a part of each item."""


def problems(rule: Mapping[str, Any], line: str) -> list[str]:
    """What a schema finds wrong with a rule as it is sent or stored.

    Args:
        rule: The rule.
        line: Of the stack, ``9.5`` say.
    """
    body = {name: value for name, value in rule.items() if name not in _OF_SERVER}
    schema = _schema(line, str(rule["type"]))
    for name in _LISTS:
        known = schema["properties"][name]["items"]["properties"]
        items = [{"ecs": False, **one} for one in body.get(name, ())]
        if name in body:
            body[name] = [{k: v for k, v in one.items() if k in known} for one in items]
    if "new_terms_fields" in body:  # in the repository the two are one object
        window = schema["properties"]["new_terms"]["properties"]["history_window_start"]
        start = {"field": "history_window_start", "value": body.pop("history_window_start")}
        known = window["items"]["properties"]
        body["new_terms"] = {
            "field": "new_terms_fields",
            "value": body.pop("new_terms_fields"),
            "history_window_start": [{k: v for k, v in start.items() if k in known}],
        }
    found = Draft4Validator(schema).iter_errors(body)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


@cache
def _schema(line: str, kind: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{line}.{kind}.json").read_text())
    return schema
