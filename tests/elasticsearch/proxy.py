"""A proxy before the real node that makes it fail as told, and remembers what was sent.

A reply comes from the node unless a fault says otherwise, so that nothing here imitates a server.
"""

import http.client
import re
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from urllib.parse import urlsplit

from tests.elasticsearch.faults import Fault, Forward, Reply, Request, Reset

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Seen:
    """One request as it arrived, and the reply that was meant for it."""

    request: Request
    reply: Reply | None
    """None where the connection was reset."""
    forwarded: bool
    """Whether the server got it."""


@dataclass
class _Rule:
    fault: Fault
    method: str | None
    path: re.Pattern[str]
    skip: int
    times: int | None

    def takes(self, request: Request) -> bool:
        """Whether this request is one to fail; counts it."""
        if self.method not in (None, request.method) or not self.path.search(request.path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
            return self.times >= 0
        return True


class Proxy:
    """Stands on 127.0.0.1 before the server at a URL; made by `proxied`."""

    def __init__(self, server: str) -> None:
        """Listen on a free port; nothing is served before `proxied` says so."""
        self.upstream = urlsplit(server)
        self.stopping = Event()
        self._lock = Lock()
        self._rules: list[_Rule] = []
        self._seen: list[Seen] = []
        self._connections: set[socket.socket] = set()
        self._server = _Server(("127.0.0.1", 0), self)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(
        self,
        fault: Fault,
        *,
        method: str | None = None,
        path: str = "",
        skip: int = 0,
        times: int | None = 1,
    ) -> None:
        """Let matching requests fail.

        Args:
            fault: What happens, one of `tests.elasticsearch.faults`.
            method: Only requests with this method.
            path: A regular expression, searched for in the path with its query.
            skip: So many matching requests pass first.
            times: Then so many fail; None for all.

        Several faults that take the same request are nested, the first one outermost.
        """
        with self._lock:
            self._rules.append(_Rule(fault, method, re.compile(path), skip, times))

    def clear(self) -> None:
        """Forget all faults; what was seen is kept."""
        with self._lock:
            self._rules.clear()

    def seen(self, method: str | None = None, path: str = "") -> list[Seen]:
        """The requests so far, in the order in which they were answered."""
        with self._lock:
            return [
                one
                for one in self._seen
                if method in (None, one.request.method) and re.search(path, one.request.path)
            ]

    def forget(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._seen.clear()

    def reply_to(self, request: Request, forward: Forward) -> Reply:
        """What the client gets, by the faults that take the request.

        Raises:
            Reset: The connection is to be reset.
        """
        forwarded = False

        def to_server(request: Request) -> Reply:
            nonlocal forwarded
            forwarded = True
            return forward(request)

        with self._lock:
            taken = [rule.fault for rule in self._rules if rule.takes(request)]
        way: Forward = to_server
        for fault in reversed(taken):
            way = _nested(fault, way)
        reply = None
        try:
            reply = way(request)
            return reply
        finally:
            with self._lock:
                self._seen.append(Seen(request, reply, forwarded))

    def opened(self, connection: socket.socket) -> None:
        """Remember a client's connection, to end it when we stop."""
        with self._lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """Forget a client's connection."""
        with self._lock:
            self._connections.discard(connection)

    def serve(self) -> None:
        """Answer until `stop`."""
        self._server.serve_forever(poll_interval=0.02)

    def stop(self) -> None:
        """End all connections and wait for their threads."""
        self.stopping.set()
        self._server.shutdown()
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # ended meanwhile
        self._server.server_close()


def _nested(fault: Fault, forward: Forward) -> Forward:
    return lambda request: fault(request, forward)


@contextmanager
def proxied(server: str) -> Iterator[Proxy]:
    """A proxy before the server at this URL, for as long as the block runs."""
    proxy = Proxy(server)
    thread = Thread(target=proxy.serve, name="elasticsearch-proxy")
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them

    def __init__(self, address: tuple[str, int], proxy: Proxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for head and body
    disable_nagle_algorithm = True
    server: _Server
    upstream: http.client.HTTPConnection | None = None

    def setup(self) -> None:
        super().setup()
        self.server.proxy.opened(self.connection)

    def finish(self) -> None:
        self.server.proxy.closed(self.connection)
        if self.upstream:
            self.upstream.close()
        super().finish()

    def pass_on(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        request = Request(
            method=self.command,
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(size),
            stopping=self.server.proxy.stopping,
        )
        try:
            self.answer(self.server.proxy.reply_to(request, self.forward))
        except (Reset, OSError, http.client.HTTPException):
            self.reset()  # also where the server or the client went away

    # The base class looks the methods up by these names.
    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815

    def forward(self, request: Request) -> Reply:
        if self.upstream is None:
            where = self.server.proxy.upstream
            self.upstream = http.client.HTTPConnection(where.hostname or "", where.port)
        kept = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        self.upstream.request(request.method, request.path, request.body or None, kept)
        answer = self.upstream.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, headers, answer.read())

    def answer(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            if name not in _HOP_BY_HOP:
                self.send_header(name, value)
        size = str(len(reply.body))
        if self.command == "HEAD":
            size = reply.headers.get("content-length", "0")
        self.send_header("content-length", size)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: reply.cut_at])
        self.wfile.flush()
        if reply.cut_at is not None:
            # Closed, not reset: a reset may overtake the half that is to arrive.
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def reset(self) -> None:
        """End the connection so that the other side gets ECONNRESET."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: tests ask what was seen."""
