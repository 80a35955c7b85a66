"""A simulator on ports of 127.0.0.1: within this process, or as a child of it."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from tests.splunk_web import Web
from tests.splunkd.app import Collector, Management
from tests.splunkd.certificate import Certificate
from tests.splunkd.simulator import Options, Simulator

_HOST = "127.0.0.1"
_STARTS_WITHIN = 20.0
_LOOKS_EVERY = 0.5


@dataclass(frozen=True)
class Ports:
    """Where to listen; 0 is any free port."""

    management: int = 0
    hec: int = 0
    web: int = 0


class _Server:
    """One port in a thread of its own."""

    def __init__(self, app: ASGIApp, port: int, certificate: Certificate | None) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
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

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@contextlib.contextmanager
def running(
    options: Options | None = None,
    ports: Ports | None = None,
    certificate: Certificate | None = None,
) -> Iterator[Simulator]:
    """Start a simulator within this process, and stop it at the end.

    Its addresses are ``url`` (management), ``hec_url``, and ``web_url`` where an app is installed;
    user ``admin``, password ``changed!``.
    """
    where = ports or Ports()
    simulator = Simulator(options)
    servers: list[_Server] = []
    try:
        for number, member in enumerate(simulator.members):
            port = where.management + number if where.management else 0
            server = _Server(Management(member, simulator), port, certificate)
            member.url = server.url
            servers.append(server)
        collector = _Server(Collector(simulator.hec, simulator.head), where.hec, certificate)
        simulator.hec_url = collector.url
        servers.append(collector)
        for app in simulator.options.apps[:1]:
            splunkd = Management(simulator.head, simulator)
            web = _Server(Web(splunkd, app), where.web, certificate)
            simulator.web_url = web.url
            servers.append(web)
        for server in servers:
            server.start()
        if certificate:
            simulator.trust(certificate.certificate)
        with _scheduling(simulator):
            yield simulator
    finally:
        for server in servers:
            server.stop()
        simulator.close()


@contextlib.contextmanager
def _scheduling(simulator: Simulator) -> Iterator[None]:
    """Run scheduled searches beside, if the simulator is to."""
    if not simulator.options.schedules:
        yield
        return
    over = threading.Event()

    def run() -> None:
        while not over.wait(_LOOKS_EVERY):
            simulator.run_due()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


__all__ = ["Certificate", "Ports", "running"]
