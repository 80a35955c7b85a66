"""An HTTP proxy that does nothing but CONNECT, and remembers what it was asked."""

import socket
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread


@contextmanager
def tunnel() -> Iterator[tuple[str, list[str]]]:
    """Its address, and the first line of each request."""
    asked: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        rbufsize = 0  # what follows the head belongs to the other side

        def handle(self) -> None:
            first = self.rfile.readline().decode().strip()
            asked.append(first)
            while self.rfile.readline().strip():
                continue
            host, _, port = first.split()[1].rpartition(":")
            with socket.create_connection((host, int(port))) as other:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = Thread(target=_pump, args=(other, self.connection))
                back.start()
                _pump(self.connection, other)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=lambda: server.serve_forever(poll_interval=0.02))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return  # one side hung up
