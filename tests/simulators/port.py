"""A port of 127.0.0.1 with an ASGI application behind it, in a thread of its own."""

import asyncio
import socket
import threading
import time

import uvicorn
from starlette.types import ASGIApp

from tests.splunkd.certificate import Certificate

_HOST = "127.0.0.1"
_STARTS_WITHIN = 20.0


class Port:
    """Listens from its making on; answers between `start` and `stop`."""

    def __init__(self, app: ASGIApp, port: int, certificate: Certificate | None) -> None:
        # With the protocol named, asyncio sends small answers at once instead of waiting 40 ms.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((_HOST, port))
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://{_HOST}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="critical",
                lifespan="off",
                ws="none",
                server_header=False,
                timeout_keep_alive=60,
                timeout_graceful_shutdown=1,
                ssl_certfile=certificate.certificate if certificate else None,
                ssl_keyfile=certificate.key if certificate else None,
            )
        )
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        await self._server.serve(sockets=[self._socket])
        for connection in list(self._server.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        for _ in range(3):  # the loop closes sockets in its next turns
            await asyncio.sleep(0.005)

    def start(self) -> None:
        self._thread.start()
        deadline = time.monotonic() + _STARTS_WITHIN
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"The simulator did not start on {self.url}")
            time.sleep(0.005)

    def end(self) -> None:
        """Answer nothing new; a server sees it within a tenth of a second."""
        self._server.should_exit = True

    def stop(self) -> None:
        self.end()
        self._thread.join(10)
        self._socket.close()
