"""Splunk's .conf files as mappings: stanza → key → value."""

import re
from pathlib import Path

Conf = dict[str, dict[str, str]]
_STANZA = re.compile(r"^\[(.*)\]\s*$")
DEFAULT = "default"


def parsed(text: str) -> Conf:
    """The stanzas of a file. A value goes on after a backslash at the end of a line."""
    conf: Conf = {}
    stanza = DEFAULT
    lines = iter(text.splitlines())
    for line in lines:
        if not line.strip() or line.lstrip().startswith(("#", ";")):
            continue
        header = _STANZA.match(line.strip())
        if header:
            stanza = header[1]
            conf.setdefault(stanza, {})
            continue
        while line.endswith("\\"):
            line = line[:-1] + "\n" + next(lines, "")
        key, equals, value = line.partition("=")
        if equals:
            conf.setdefault(stanza, {})[key.strip()] = value.strip()
    return conf


def folder(path: Path) -> dict[str, Conf]:
    """All .conf files of a folder by their names without the ending."""
    return {file.stem: parsed(file.read_text()) for file in sorted(path.glob("*.conf"))}
