"""Splunk's dashboard framework as one script: fetched and built once, then kept in the cache."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

HERE = Path(__file__).parent
SOURCES = ("package.json", "package-lock.json", "page.jsx")
_INLINE = ("woff", "woff2", "ttf", "eot", "svg", "png", "gif", "jpg")


class Missing(Exception):
    """What this machine lacks."""


def bundle() -> Path:
    """The folder with ``page.js`` and ``page.css``; half a gigabyte is fetched to make them.

    Raises:
        Missing: no Node.js, or the registry could not be reached.
    """
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scoreback-tests"
    kept = cache / f"studio-{digest[:16]}"
    if (kept / "page.js").exists():
        return kept
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        raise Missing("Node.js and npm")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="studio-") as folder:
        work = Path(folder)
        for name in SOURCES:
            shutil.copy(HERE / name, work)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], work)
        _run([node, "node_modules/esbuild/bin/esbuild", *_options()], work)
        made = work / "made"
        try:
            made.rename(kept)
        except OSError:  # another process was quicker
            if not (kept / "page.js").exists():
                raise
    return kept


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve *folder*; its address. Handed on by the test, 14 MB of script would take seconds."""

    class Files(SimpleHTTPRequestHandler):
        extensions_map = {  # noqa: RUF012 - as http.server has it
            ".js": "text/javascript; charset=utf-8",
            ".css": "text/css; charset=utf-8",
        }

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

    made = partial(Files, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.05))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _options() -> list[str]:
    return [
        "page.jsx",
        "--bundle",
        "--minify",
        "--outfile=made/page.js",
        "--loader:.js=jsx",
        *(f"--loader:.{kind}=dataurl" for kind in _INLINE),
        '--define:process.env.NODE_ENV="production"',
        "--define:global=window",
        "--log-level=error",
    ]


def _run(command: list[str], work: Path) -> None:
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{Path(command[0]).name} {command[1]}: {done.stderr.strip()[-2_000:]}")
