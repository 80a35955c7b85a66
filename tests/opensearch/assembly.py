"""A folder from which an OpenSearch node runs, made of the server's published jars.

Elasticsearch's own Painless and ingest processors are not published as jars; OpenSearch, which
began as a copy of Elasticsearch 7.10, has the same language, and publishes it. The folder is made
once for each set of inputs and kept between runs, beside that of the Elasticsearch node. The jars
come through Maven's own client and are never part of this repository.
"""

import hashlib
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

from tests.elasticsearch.java import Java, java
from tests.elasticsearch.maven import PLUGIN, cache, compiled, maven

VERSION = "3.8.0"
MAIN_CLASS = "scoreback.node.Boot"
_SOURCES = Path(__file__).parent / "sources"
# Module → its class, the module that it extends, and its jars; the server's own stay beside it.
_MODULES = {
    "transport-netty4": (
        "org.opensearch.transport.Netty4ModulePlugin", "",
        ("transport-netty4-", "netty-", "opensearch-netty4-"),
    ),
    "lang-painless": (
        "org.opensearch.painless.PainlessModulePlugin", "",
        ("lang-painless-", "opensearch-scripting-painless-spi-", "antlr4-", "asm-"),
    ),
    "ingest-common": (
        "org.opensearch.ingest.common.IngestCommonModulePlugin", "lang-painless",
        ("ingest-common-", "opensearch-grok-", "opensearch-dissect-", "joni-", "jcodings-"),
    ),
}  # fmt: skip


def assembled() -> Path:
    """The folder: ``lib``, ``modules``, ``config`` and ``boot.jar``.

    Parallel processes wait for the one that makes it.

    Raises:
        Missing: Java, Maven or what Maven fetches is not to be had; the text says which.
    """
    runtime = java()
    home = cache() / f"opensearch-{VERSION}-{_digest(runtime)}"
    if not home.exists():
        with FileLock(f"{home}.lock"):
            if not home.exists():
                _make(home, runtime)
    return home


def class_path(home: Path) -> list[str]:
    """The jars of the server, relative to *home* and always in the same order."""
    return ["boot.jar", *(f"lib/{jar.name}" for jar in sorted((home / "lib").glob("*.jar")))]


def _digest(runtime: Java) -> str:
    """Names all that the folder is made of, so that a change of it makes another folder."""
    digest = hashlib.sha256(f"{runtime.home} {runtime.version}".encode())
    for path in [Path(__file__), *sorted(_SOURCES.iterdir())]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _make(home: Path, runtime: Java) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".making-") as folder:
        made = Path(folder) / "home"
        for name in ("lib", "config", "plugins", "modules"):
            (made / name).mkdir(parents=True)
        maven(
            f"{PLUGIN}:copy-dependencies",
            f"--file={_SOURCES / 'pom.xml'}",
            f"-Dos.version.wanted={VERSION}",
            "-DincludeScope=runtime",
            f"-DoutputDirectory={made / 'lib'}",
        )
        compiled(runtime, _SOURCES / "Boot.java", made / "lib", made / "boot.jar")
        for name in _MODULES:
            _move_module(made, name)
        shutil.copy(_SOURCES / "log4j2.properties", made / "config")
        made.rename(home)


def _move_module(made: Path, name: str) -> None:
    """A module as the server's installation has it: its jars and a description in a folder."""
    class_name, extended, jars = _MODULES[name]
    module = made / "modules" / name
    module.mkdir()
    for jar in sorted((made / "lib").glob("*.jar")):
        if jar.name.startswith(jars):
            jar.rename(module / jar.name)
    (module / "plugin-descriptor.properties").write_text(
        f"name={name}\ndescription={name}\nversion={VERSION}\nopensearch.version={VERSION}\n"
        f"java.version=21\nclassname={class_name}\nextended.plugins={extended}\n"
    )
