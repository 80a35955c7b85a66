"""YAML of Sigma rules that keeps values as written: ``0x1410``, ``010``, ``yes``, ``1.10``.

PyYAML follows YAML 1.1, which reads these as 5136, 8, true and 1.1. Events hold what the rule's
author saw and wrote, so only a plainly written number is a number.
"""

import re

import yaml

_PLAIN = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "tag:yaml.org,2002:int": (r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    # No zero at the end, which a number would lose.
    "tag:yaml.org,2002:float": (r"-?(0|[1-9][0-9]{0,14})\.[0-9]{0,9}[1-9]", list("-0123456789")),
    "tag:yaml.org,2002:merge": (r"<<", ["<"]),
}


class AsWritten(yaml.SafeLoader):
    """Safe, and converts nothing but plain numbers, true, false and null."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's way to have resolvers of one's own


for _tag, (_pattern, _first) in _PLAIN.items():
    AsWritten.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), _first)
