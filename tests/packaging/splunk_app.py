"""The Splunk app as tests look at it: its sources, and what `make packages` made of them."""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import scoreback
from tests.elasticsearch.node import in_ci

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "packaging" / "splunk" / "package"
BUILT = ROOT / "build" / "splunk" / "scoreback"
ARCHIVE = ROOT / "dist" / f"scoreback-splunk-{scoreback.__version__}.tgz"
TOOLS = ROOT / ".venv-splunk-app" / "bin"

Stanzas = dict[str, dict[str, str]]


@dataclass(frozen=True)
class App:
    """An app in a folder."""

    folder: Path

    @property
    def confs(self) -> list[str]:
        """The names of its conf files, without the ending."""
        return sorted(path.stem for path in (self.folder / "default").glob("*.conf"))

    def conf(self, name: str) -> Stanzas:
        return stanzas((self.folder / "default" / f"{name}.conf").read_text())

    def views(self) -> dict[str, str]:
        folder = self.folder / "default" / "data" / "ui" / "views"
        return {path.stem: path.read_text() for path in sorted(folder.glob("*.xml"))}


def stanzas(text: str) -> Stanzas:
    """What a conf file says; keys before the first stanza are those of ``default``."""
    found: Stanzas = {}
    current = "default"
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        head = re.fullmatch(r"\[(.*)\]\s*", line)
        if head:
            current = head[1]
            assert current not in found, f"line {number}: [{current}] is there twice"
            found[current] = {}
            continue
        key, equals, value = line.partition("=")
        assert equals, f"line {number}: {line!r} is neither a stanza nor a setting"
        stanza = found.setdefault(current, {})
        assert key.strip() not in stanza, f"line {number}: {key.strip()} is there twice"
        stanza[key.strip()] = value.strip()
    return found


def parsed(text: str) -> ET.Element:
    """The XML of one of the app's own files."""
    return ET.fromstring(text)  # noqa: S314 - it is ours


def built() -> App:
    """The built app; skips where nobody has built one, which in CI is a failure."""
    if not ARCHIVE.is_file() or not BUILT.is_dir():
        (pytest.fail if in_ci() else pytest.skip)("the Splunk app is not built: `make packages`")
    return App(BUILT)
