"""Drafts a detector file from a Sigma rule; says what is missing if the extra is not installed."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from scoreback.connectors.registry import sigma_translators
from scoreback.errors import ConfigError
from scoreback.models.detector.draft import Draft
from scoreback.models.detector.file import parse_detector
from scoreback.service.sigma.sigma_draft import chosen, draft_of, name_of

_READER = "sigma.rule"


def draft_from_sigma(path: Path, name: str | None, installed: Sequence[str]) -> tuple[str, Draft]:
    """The name and the draft of a detector for the rule in the file *path*.

    Args:
        path: a file with one Sigma rule.
        name: the detector's name; by default made from the rule's title.
        installed: the installed connectors; selections for others are left as comments.

    Raises:
        ConfigError: the extra is not installed, or the rule cannot be used.
    """
    refuse_without_extra()
    from scoreback.service.sigma.sigma_rule import read_rule

    rule = read_rule(path)
    name = name or name_of(rule.title)
    found = draft_of(rule, path, name, installed)
    parse_detector(chosen(found.text), f"the draft of {path}")  # valid as soon as labels are chosen
    return name, found


def refuse_without_extra() -> None:
    """Refuse if pySigma or a backend is not installed; a broken one raises its own error.

    Raises:
        ConfigError: names the command that installs it.
    """
    translators = sigma_translators().values()
    for module in (_READER, *(needed for found in translators for needed in found.needs)):
        parent = ""
        for part in module.split("."):
            parent = f"{parent}.{part}".lstrip(".")
            if find_spec(parent) is None:
                raise ConfigError(
                    f"reading Sigma rules needs pySigma and its backends; {parent!r} is missing",
                    hint="pip install 'scoreback[sigma]'",
                )
