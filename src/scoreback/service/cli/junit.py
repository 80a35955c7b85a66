"""What a command found, as JUnit XML, which CI systems show as test results."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree as ET

import typer

Junit = Annotated[
    Path | None,
    typer.Option(
        "--junit", help="Also write the results as JUnit XML, for CI.", metavar="FILE",
        show_default=False,
    ),
]  # fmt: skip

# Characters that XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One thing that was checked."""

    group: str  # a detector or a file
    name: str
    failure: str = ""  # what is wrong with it
    error: str = ""  # why it could not be checked
    skipped: str = ""
    hint: str = ""
    seconds: float = 0.0
    file: str = ""


def write_junit(path: Path | None, suite: str, cases: Sequence[Case]) -> None:
    """Write *cases* of *suite* to *path*; do nothing if it is None.

    Raises:
        ConfigError: the file cannot be written.
    """
    if path is None:
        return
    from scoreback.errors import ConfigError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_junit(suite, cases))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}", hint="name another file with --junit"
        ) from error


@contextmanager
def reported(path: Path | None, suite: str, files: Sequence[Path]) -> Iterator[None]:
    """Have an error that keeps *suite* from looking at *files* in *path*, too; it is raised on."""
    from scoreback.errors import ConfigError, ScorebackError

    try:
        yield
    except ScorebackError as error:
        group = ", ".join(str(file) for file in files)
        case = Case(group=group, name="can be looked at", error=error.message, hint=error.hint)
        with suppress(ConfigError):
            write_junit(path, suite, [case])
        raise


def as_junit(suite: str, cases: Sequence[Case]) -> bytes:
    """*cases* of *suite* as JUnit XML."""
    totals = {
        "tests": str(len(cases)),
        "failures": str(sum(bool(case.failure) for case in cases)),
        "errors": str(sum(bool(case.error) for case in cases)),
        "skipped": str(sum(bool(case.skipped) for case in cases)),
        "time": f"{sum(case.seconds for case in cases):.3f}",
    }
    root = ET.Element("testsuites", {"name": f"scoreback {suite}"} | totals)
    inside = ET.SubElement(root, "testsuite", {"name": f"scoreback {suite}"} | totals)
    for case in cases:
        given = {"classname": case.group, "name": case.name, "time": f"{case.seconds:.3f}"}
        if case.file:
            given["file"] = case.file
        element = ET.SubElement(inside, "testcase", {k: _clean(v) for k, v in given.items()})
        for kind in ("failure", "error", "skipped"):
            said = _clean(getattr(case, kind))
            if said:
                found = ET.SubElement(element, kind, {"message": said.splitlines()[0]})
                found.text = said + (f"\n  try: {_clean(case.hint)}" if case.hint else "")
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("�", text)
