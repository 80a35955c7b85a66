"""One Elasticsearch node on 127.0.0.1, stopped by whoever started it.

``python tests/elasticsearch/node.py [--heap SIZE] [--optional] [NAME=VALUE ...] [-- COMMAND ...]``

Without a command the node runs in the foreground and its address is printed. With one, the command
runs with the address in ``SCOREBACK_TEST_ELASTICSEARCH``; its exit code is ours, and the node is
stopped after it. ``--optional`` runs the command without a node on a machine that lacks what one
needs; not in CI, where that is a failure.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

if not __package__:  # run by its file name: tests are found from the top of the repository
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.elasticsearch.assembly import assembled
from tests.elasticsearch.java import Java, Missing, java
from tests.elasticsearch.server_folder import MAIN_CLASS, class_path

ADDRESS = "SCOREBACK_TEST_ELASTICSEARCH"
# A third less CPU to start, and no threads that compete with the tests for few cores. What runs
# long or is measured wants Java's defaults.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_STOPS_WITHIN = 20.0


class NodeFailed(Exception):
    """The node did not start, or did not answer in time; the text has the end of its log."""


@dataclass(frozen=True)
class Node:
    """A running node."""

    host: str
    port: int
    pid: int
    log: Path
    """Its console output; gone with the node."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:{self.port}"


@contextmanager
def running(
    *,
    heap: str = "512m",
    settings: Mapping[str, str] | None = None,
    jvm_options: tuple[str, ...] = QUICK,
    start_within: float = 180.0,
) -> Iterator[Node]:
    """Start one node with a data folder of its own, and stop it at the end.

    Args:
        heap: The size of its heap, as Java writes it.
        settings: Node settings beside, or instead of, those in ``Boot.java``.
        jvm_options: Options of Java beside those that the node needs.
        start_within: Seconds until it must be green.

    Raises:
        Missing: Java, Maven or the server's jars are not to be had.
        NodeFailed: It ended before it was green, or took too long.
    """
    home, runtime = assembled(), java()
    with tempfile.TemporaryDirectory(prefix="scoreback-node-") as folder:
        run = Path(folder)
        pairs = [f"{name}={value}" for name, value in (settings or {}).items()]
        command = _command(runtime, home, run, heap, jvm_options)
        with booted(command, home, run, pairs, start_within=start_within) as node:
            yield node


@contextmanager
def booted(
    command: Sequence[str], home: Path, run: Path, pairs: Sequence[str], *, start_within: float
) -> Iterator[Node]:
    """Run *command*, a Java with ``Boot``, until it is green; stop it at the end.

    Args:
        command: Java, its options and the class to run.
        home: The server's folder.
        run: The node's own folder, empty.
        pairs: Node settings, ``NAME=VALUE``.
        start_within: Seconds until it must be green.

    Raises:
        NodeFailed: It ended before it was green, or took too long.
    """
    log = run / "console.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, str(home), str(run), *pairs],
            cwd=home,  # the class path is relative to it
            stdin=subprocess.PIPE,  # closed when we end, however we end: it then stops too
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl+C is ours to handle
        )
    try:
        port = _green_port(process, run, log, time.monotonic() + start_within)
        yield Node("127.0.0.1", port, process.pid, log)
    finally:
        _stop(process)


def _command(
    runtime: Java, home: Path, run: Path, heap: str, jvm_options: tuple[str, ...]
) -> list[str]:
    options = [
        f"-Xms{heap}",
        f"-Xmx{heap}",
        f"-Djava.io.tmpdir={run}",
        "--enable-native-access=ALL-UNNAMED",
        "-Dorg.elasticsearch.nativeaccess.enableVectorLibrary=false",  # its library is unpublished
    ]
    if int(runtime.version.split(".")[0]) >= 24:
        options.append("--sun-misc-unsafe-memory-access=allow")
    if "jdk.incubator.vector" in runtime.modules:
        options += ["--add-modules", "jdk.incubator.vector"]
    if (home / "native" / "libzstd.so").exists():
        options.append(f"-Des.nativelibs.path={home / 'native'}")
    path = os.pathsep.join(class_path(home))
    return [runtime.java, *options, *jvm_options, "-cp", path, MAIN_CLASS]


def _green_port(process: subprocess.Popen[bytes], run: Path, log: Path, deadline: float) -> int:
    """The port, once the node says that it is green."""
    while process.poll() is None and time.monotonic() < deadline:
        try:
            port = int((run / "http.port").read_text())
            health = f"http://127.0.0.1:{port}/_cluster/health?wait_for_status=green&timeout=10s"
            with urllib.request.urlopen(health, timeout=15) as answer:
                if json.load(answer)["status"] == "green":
                    return port
        except (FileNotFoundError, urllib.error.URLError, ConnectionError, TimeoutError):
            pass
        time.sleep(0.05)
    ended = process.poll()
    how = "took too long to start" if ended is None else f"ended with status {ended}"
    said = log.read_text(errors="replace").splitlines()[-15:]
    raise NodeFailed("\n".join([f"The node {how}. The end of its log:", *said]))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """By its process id: asked first, killed if it does not listen."""
    process.terminate()
    try:
        process.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()


def main(arguments: list[str]) -> int:
    """The command: see the top of this file."""
    own: list[str] = arguments
    command: list[str] = []
    if "--" in arguments:
        cut = arguments.index("--")
        own, command = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(description="One Elasticsearch node on 127.0.0.1.")
    parser.add_argument("--heap", default="512m")
    parser.add_argument("--optional", action="store_true")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE")
    options = parser.parse_args(own)
    settings = dict(pair.split("=", 1) for pair in options.settings)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with running(heap=options.heap, settings=settings) as node:
            if command:
                return _run(command, {ADDRESS: node.url})
            sys.stdout.write(f"{node.url} (process {node.pid}); Ctrl+C stops it\n")
            sys.stdout.flush()
            signal.pause()
    except Missing as missing:
        sys.stderr.write(f"No Elasticsearch node without {missing}\n")
        if options.optional and command and not in_ci():
            return _run(command, {})
        return 1
    except NodeFailed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(command: list[str], more: dict[str, str]) -> int:
    """The command's exit code, as a shell says it."""
    code = subprocess.run(command, env={**os.environ, **more}, check=False).returncode
    return code if code >= 0 else 128 - code


def in_ci() -> bool:
    """Whether a missing node is a failure."""
    return os.environ.get("CI") == "true"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
