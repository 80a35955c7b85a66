"""A folder from which an Elasticsearch node runs, made of the server's published jars.

It is made once for each set of inputs and kept between runs, in ``$XDG_CACHE_HOME/scoreback-tests``
or ``~/.cache/scoreback-tests``. The jars come through Maven's own client and are never part of this
repository. It is the core server: no Painless, ingest processors, ES|QL or security.
"""

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock

from tests.elasticsearch.java import Java, java
from tests.elasticsearch.maven import PLUGIN, cache, compiled, maven

VERSION = "9.2.2"
MAIN_CLASS = "scoreback.node.Boot"
_SOURCES = Path(__file__).parent / "sources"


def assembled() -> Path:
    """The folder: ``lib``, ``modules``, ``config``, ``native`` and ``boot.jar``.

    Parallel processes wait for the one that makes it.

    Raises:
        Missing: Java, Maven or what Maven fetches is not to be had; the text says which.
    """
    runtime = java()
    home = cache() / f"elasticsearch-{VERSION}-{_digest(runtime)}"
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
    digest = hashlib.sha256(f"{runtime.home} {runtime.version} {_zstd()}".encode())
    for path in [Path(__file__), *sorted(_SOURCES.iterdir())]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _make(home: Path, runtime: Java) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".making-") as folder:
        made = Path(folder) / "home"
        for name in ("lib", "config", "plugins", "native"):
            (made / name).mkdir(parents=True)
        _fetch(made)
        _add_module(made, runtime)
        compiled(runtime, _SOURCES / "Boot.java", made / "lib", made / "boot.jar")
        shutil.copy(_SOURCES / "log4j2.properties", made / "config")
        zstd = _zstd()
        if zstd:  # for best_compression and logsdb; Elastic's own copy is not published as a jar
            shutil.copy(zstd, made / "native" / "libzstd.so")
        made.rename(home)


def _fetch(made: Path) -> None:
    maven(
        f"{PLUGIN}:copy-dependencies",
        f"--file={_SOURCES / 'pom.xml'}",
        f"-Des.version={VERSION}",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={made / 'lib'}",
    )
    transport = made / "modules" / "transport-netty4"
    transport.mkdir(parents=True)
    for pattern in ("transport-netty4-*.jar", "netty-*.jar"):
        for jar in (made / "lib").glob(pattern):
            jar.rename(transport / jar.name)
    with zipfile.ZipFile(transport / f"transport-netty4-{VERSION}.jar") as jar_file:
        inside = "META-INF/es-plugins/transport-netty4/plugin-descriptor.properties"
        text = jar_file.read(inside).decode()
    # Its "modulename" must go, as we run on the class path.
    kept = [line for line in text.splitlines() if not line.startswith(("#", "modulename"))]
    (transport / "plugin-descriptor.properties").write_text("\n".join(kept) + "\n")


def _add_module(made: Path, runtime: Java) -> None:
    """Our module for two answers of the server whose own modules are not published."""
    module = made / "modules" / "handlers"
    module.mkdir()
    (module / "plugin-descriptor.properties").write_text(
        f"name=handlers\ndescription=What is not published\nversion={VERSION}\n"
        f"elasticsearch.version={VERSION}\njava.version=21\nclassname=scoreback.node.Handlers\n"
    )
    compiled(runtime, _SOURCES / "Handlers.java", made / "lib", module / "handlers.jar")


def _zstd() -> Path | None:
    """The system's libzstd, where its package lays it."""
    for folder in (Path("/usr/lib"), Path("/usr/lib64"), Path("/lib")):
        for path in (*sorted(folder.glob("*/libzstd.so.1")), folder / "libzstd.so.1"):
            if path.exists():
                return path.resolve()
    return None
