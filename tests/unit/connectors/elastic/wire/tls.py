"""A TLS server with a certificate of its own, which answers as Elasticsearch does."""

import hashlib
import http.server
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest

from tests.elasticsearch.node import in_ci

INFO = {"version": {"number": "9.2.2", "build_flavor": "default"}}


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate of 127.0.0.1."""

    file: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate."""
        whole = ssl.PEM_cert_to_DER_cert(self.file.read_text())
        return hashlib.sha256(whole).hexdigest()


def certificate(folder: Path) -> Certificate:
    """Make one in *folder*; skips where there is nothing to make it with."""
    openssl = shutil.which("openssl")
    if openssl is None and in_ci():
        pytest.fail("no certificate without the command openssl")
    if openssl is None:
        pytest.skip("no certificate without the command openssl")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", "2", "-subj", "/CN=scoreback-tests",
            "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", str(made.key), "-out", str(made.file),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return made


@dataclass
class Seen:
    """Where the server answers, and the headers of each request."""

    url: str
    requests: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def answering(
    certificate: Certificate | None = None, status: int = 200, answer: object = INFO
) -> Iterator[Seen]:
    """A server on 127.0.0.1 that gives the same *answer* to everything."""
    body = json.dumps(answer).encode()
    seen = Seen("")

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.requests.append({k.lower(): v for k, v in self.headers.items()})
            self.send_response(status)
            self.send_header("x-elastic-product", "Elasticsearch")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that does not trust us hangs up: that is what is tested."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.file, certificate.key)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    scheme = "http" if certificate is None else "https"
    seen.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02))
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
