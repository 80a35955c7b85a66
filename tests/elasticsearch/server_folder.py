"""The folder that a search server's node runs from: made once for each set of inputs, then kept.

It lies in ``$XDG_CACHE_HOME/scoreback-tests`` or ``~/.cache/scoreback-tests``. The server's jars
come through Maven's own client and are never part of this repository.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from tests.elasticsearch.java import Java, java
from tests.elasticsearch.maven import PLUGIN, cache, compiled, maven

MAIN_CLASS = "scoreback.node.Boot"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server whose jars are published, and what its folder holds beside them."""

    name: str  # how the folder's name begins
    version: str
    version_property: str  # of the pom in its sources
    made_by: Path  # the file that says so: a change of it makes another folder
    fill: Callable[[Path, Java], None]  # gets the folder with the jars, and adds the rest
    depends_on: str = ""  # what else the folder is made of

    @property
    def sources(self) -> Path:
        """``pom.xml``, ``Boot.java``, ``log4j2.properties`` and what else it compiles."""
        return self.made_by.parent / "sources"


def assembled(server: Server) -> Path:
    """The folder: ``lib``, ``modules``, ``config`` and ``boot.jar``.

    Parallel processes wait for the one that makes it.

    Raises:
        Missing: Java, Maven or what Maven fetches is not to be had; the text says which.
    """
    runtime = java()
    home = cache() / f"{server.name}-{server.version}-{_digest(server, runtime)}"
    if not home.exists():
        with FileLock(f"{home}.lock"):
            if not home.exists():
                _make(server, home, runtime)
    return home


def class_path(home: Path) -> list[str]:
    """The jars of the server, relative to *home* and always in the same order."""
    return ["boot.jar", *(f"lib/{jar.name}" for jar in sorted((home / "lib").glob("*.jar")))]


def module_of(made: Path, name: str, jars: Sequence[str], descriptor: str) -> None:
    """A module as the server's installation has it: its *jars* and a description in a folder.

    Args:
        made: the folder that is being made.
        name: of the module.
        jars: how the names of its jars begin.
        descriptor: the text of ``plugin-descriptor.properties``.
    """
    module = made / "modules" / name
    module.mkdir(parents=True)
    for jar in sorted((made / "lib").glob("*.jar")):
        if jar.name.startswith(tuple(jars)):
            jar.rename(module / jar.name)
    (module / "plugin-descriptor.properties").write_text(descriptor)


def _digest(server: Server, runtime: Java) -> str:
    """Names all that the folder is made of, so that a change of it makes another folder."""
    inputs = f"{runtime.home} {runtime.version} {server.depends_on}"
    digest = hashlib.sha256(inputs.encode())
    for path in [Path(__file__), server.made_by, *sorted(server.sources.iterdir())]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _make(server: Server, home: Path, runtime: Java) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".making-") as folder:
        made = Path(folder) / "home"
        for name in ("lib", "config", "plugins", "modules"):
            (made / name).mkdir(parents=True)
        maven(
            f"{PLUGIN}:copy-dependencies",
            f"--file={server.sources / 'pom.xml'}",
            f"-D{server.version_property}={server.version}",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={made / 'lib'}",
        )
        server.fill(made, runtime)
        compiled(runtime, server.sources / "Boot.java", made / "lib", made / "boot.jar")
        shutil.copy(server.sources / "log4j2.properties", made / "config")
        made.rename(home)
