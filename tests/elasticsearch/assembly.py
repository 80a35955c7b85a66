"""What an Elasticsearch node runs from: the core server, of the jars that Elastic publishes.

It has no Painless, ingest processors, ES|QL or security.
"""

import shutil
import zipfile
from pathlib import Path

from tests.elasticsearch import server_folder
from tests.elasticsearch.java import Java
from tests.elasticsearch.maven import compiled
from tests.elasticsearch.server_folder import Server, module_of

VERSION = "9.2.2"


def assembled() -> Path:
    """The folder; `server_folder.assembled` says what it holds, and ``native`` is there too."""
    return server_folder.assembled(
        Server(
            name="elasticsearch",
            version=VERSION,
            version_property="es.version",
            made_by=Path(__file__),
            fill=_fill,
            depends_on=str(_zstd()),
        )
    )


def _fill(made: Path, runtime: Java) -> None:
    transport = made / "lib" / f"transport-netty4-{VERSION}.jar"
    with zipfile.ZipFile(transport) as jar_file:
        inside = "META-INF/es-plugins/transport-netty4/plugin-descriptor.properties"
        text = jar_file.read(inside).decode()
    # Its "modulename" must go, as we run on the class path.
    kept = [line for line in text.splitlines() if not line.startswith(("#", "modulename"))]
    module_of(made, "transport-netty4", ("transport-netty4-", "netty-"), "\n".join(kept) + "\n")
    # Our module for two answers of the server whose own modules are not published.
    module_of(
        made, "handlers", (),
        f"name=handlers\ndescription=What is not published\nversion={VERSION}\n"
        f"elasticsearch.version={VERSION}\njava.version=21\nclassname=scoreback.node.Handlers\n",
    )  # fmt: skip
    handlers = made / "modules" / "handlers" / "handlers.jar"
    compiled(runtime, Path(__file__).parent / "sources" / "Handlers.java", made / "lib", handlers)
    (made / "native").mkdir()
    zstd = _zstd()
    if zstd:  # for best_compression and logsdb; Elastic's own copy is not published as a jar
        shutil.copy(zstd, made / "native" / "libzstd.so")


def _zstd() -> Path | None:
    """The system's libzstd, where its package lays it."""
    for folder in (Path("/usr/lib"), Path("/usr/lib64"), Path("/lib")):
        for path in (*sorted(folder.glob("*/libzstd.so.1")), folder / "libzstd.so.1"):
            if path.exists():
                return path.resolve()
    return None
