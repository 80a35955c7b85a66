"""What an OpenSearch node runs from: the server with Painless and ingest processors.

Elasticsearch's own are not published as jars; OpenSearch, which began as a copy of Elasticsearch
7.10, has the same language, and publishes it.
"""

from pathlib import Path

from tests.elasticsearch import server_folder
from tests.elasticsearch.java import Java
from tests.elasticsearch.server_folder import Server, module_of

VERSION = "3.8.0"
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
    """The folder; `server_folder.assembled` says what it holds."""
    return server_folder.assembled(
        Server(
            name="opensearch",
            version=VERSION,
            version_property="os.version.wanted",
            made_by=Path(__file__),
            fill=_fill,
        )
    )


def _fill(made: Path, _runtime: Java) -> None:
    for name, (class_name, extended, jars) in _MODULES.items():
        module_of(
            made, name, jars,
            f"name={name}\ndescription={name}\nversion={VERSION}\nopensearch.version={VERSION}\n"
            f"java.version=21\nclassname={class_name}\nextended.plugins={extended}\n",
        )  # fmt: skip
