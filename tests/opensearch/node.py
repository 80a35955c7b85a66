"""One OpenSearch node on 127.0.0.1, stopped by whoever started it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.elasticsearch.java import java
from tests.elasticsearch.node import QUICK, Node, booted
from tests.elasticsearch.server_folder import MAIN_CLASS, class_path
from tests.opensearch.assembly import assembled


@contextmanager
def running(
    *, heap: str = "512m", jvm_options: tuple[str, ...] = QUICK, start_within: float = 180.0
) -> Iterator[Node]:
    """Start one node with a data folder of its own, and stop it at the end.

    Args:
        heap: The size of its heap, as Java writes it.
        jvm_options: Options of Java beside those that the node needs; what is measured wants none.
        start_within: Seconds until it must be green.

    Raises:
        Missing: Java, Maven or the server's jars are not to be had.
        NodeFailed: It ended before it was green, or took too long.
    """
    home, runtime = assembled(), java()
    with tempfile.TemporaryDirectory(prefix="scoreback-opensearch-") as folder:
        run = Path(folder)
        command = [
            runtime.java, f"-Xms{heap}", f"-Xmx{heap}", f"-Djava.io.tmpdir={run}",
            "--enable-native-access=ALL-UNNAMED", *jvm_options,
            "-cp", os.pathsep.join(class_path(home)), MAIN_CLASS,
        ]  # fmt: skip
        with booted(command, home, run, (), start_within=start_within) as node:
            yield node
