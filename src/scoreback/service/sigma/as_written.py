"""YAML of Sigma rules with values as they are written: ``0x1410``, ``010``, ``yes``, ``1.10``.

PyYAML follows YAML 1.1, where these are 5136, 8, true and 1.1. Events hold what the rule's author
saw and wrote, so a number is only what is written as that number.
"""

import re

import yaml

_PLAIN = {
    "tag:yaml.org,2002:null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "tag:yaml.org,2002:bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "tag:yaml.org,2002:int": (r"-?(0|[1-9][0-9]*)", list("-0123456789")),
    # Without a zero at its end, which a number would lose.
    "tag:yaml.org,2002:float": (r"-?(0|[1-9][0-9]{0,14})\.[0-9]{0,9}[1-9]", list("-0123456789")),
    "tag:yaml.org,2002:merge": (r"<<", ["<"]),
}


class AsWritten(yaml.SafeLoader):
    """Safe, and changes no value but plain numbers, true, false and null."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's way to have resolvers of one's own


for _tag, (_pattern, _first) in _PLAIN.items():
    AsWritten.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), _first)
