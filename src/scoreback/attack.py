"""Techniques of MITRE ATT&CK by id: their names and tactics.

``attack.tsv`` has the data of one version of ATT&CK, and names the version and the owner.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

VERSION = "18.1"


class Technique(NamedTuple):
    """One technique or sub-technique."""

    name: str
    tactics: tuple[str, ...]


def unknown(ids: Iterable[str]) -> list[str]:
    """Those of *ids* that this version of ATT&CK does not have, sorted."""
    return sorted({name for name in ids if name not in techniques()})


@cache
def techniques() -> Mapping[str, Technique]:
    """Every technique by id."""
    text = files("scoreback").joinpath("attack.tsv").read_text(encoding="utf-8")
    found: dict[str, Technique] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, title, tactics = line.split("\t")
            found[name] = Technique(title, tuple(tactics.split(",")))
    return found
