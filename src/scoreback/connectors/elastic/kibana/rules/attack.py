"""MITRE ATT&CK techniques in the form of a detection rule: under their tactics, with names."""

from collections.abc import Iterable, Mapping
from typing import Any

from scoreback.attack import Technique, techniques

FRAMEWORK = "MITRE ATT&CK"

_TACTICS = {
    "reconnaissance": ("TA0043", "Reconnaissance"),
    "resource-development": ("TA0042", "Resource Development"),
    "initial-access": ("TA0001", "Initial Access"),
    "execution": ("TA0002", "Execution"),
    "persistence": ("TA0003", "Persistence"),
    "privilege-escalation": ("TA0004", "Privilege Escalation"),
    "defense-evasion": ("TA0005", "Defense Evasion"),
    "credential-access": ("TA0006", "Credential Access"),
    "discovery": ("TA0007", "Discovery"),
    "lateral-movement": ("TA0008", "Lateral Movement"),
    "collection": ("TA0009", "Collection"),
    "command-and-control": ("TA0011", "Command and Control"),
    "exfiltration": ("TA0010", "Exfiltration"),
    "impact": ("TA0040", "Impact"),
}  # in the order of ATT&CK's matrix
_SITE = "https://attack.mitre.org"


def threat(ids: Iterable[str]) -> list[dict[str, Any]]:
    """The ``threat`` of a rule for the techniques *ids*; unknown ids are left out.

    A technique appears under each of its tactics, and a sub-technique below its technique.
    """
    known = techniques()
    by_tactic: dict[str, dict[str, list[str]]] = {}
    for one in sorted({name for name in ids if name in known}):
        parent = one.partition(".")[0]
        if parent not in known:
            continue
        for tactic in known[one].tactics:
            below = by_tactic.setdefault(tactic, {}).setdefault(parent, [])
            if one != parent:
                below.append(one)
    return [_entry(tactic, by_tactic[tactic], known) for tactic in _TACTICS if tactic in by_tactic]


def tactic_names(ids: Iterable[str]) -> list[str]:
    """The names of the tactics of *ids*, in the order of the matrix."""
    return [entry["tactic"]["name"] for entry in threat(ids)]


def _entry(
    tactic: str, below: Mapping[str, list[str]], known: Mapping[str, Technique]
) -> dict[str, Any]:
    number, name = _TACTICS[tactic]
    return {
        "framework": FRAMEWORK,
        "tactic": {"id": number, "name": name, "reference": f"{_SITE}/tactics/{number}/"},
        "technique": [
            {**_technique(parent, known), "subtechnique": [_technique(c, known) for c in children]}
            for parent, children in below.items()
        ],
    }


def _technique(number: str, known: Mapping[str, Technique]) -> dict[str, str]:
    reference = f"{_SITE}/techniques/{number.replace('.', '/')}/"
    return {"id": number, "name": known[number].name, "reference": reference}
