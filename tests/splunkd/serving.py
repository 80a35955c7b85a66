"""A simulator on ports of 127.0.0.1: within this process, or as a child of it."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulators.port import Port
from tests.splunk_web import Web
from tests.splunkd.app import Collector, Management
from tests.splunkd.certificate import Certificate
from tests.splunkd.simulator import Options, Simulator

_LOOKS_EVERY = 0.5


@dataclass(frozen=True)
class Ports:
    """Where to listen; 0 is any free port."""

    management: int = 0
    hec: int = 0
    web: int = 0


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
    servers: list[Port] = []
    try:
        for number, member in enumerate(simulator.members):
            port = where.management + number if where.management else 0
            server = Port(Management(member, simulator), port, certificate)
            member.url = server.url
            servers.append(server)
        collector = Port(Collector(simulator.hec, simulator.head), where.hec, certificate)
        simulator.hec_url = collector.url
        servers.append(collector)
        for app in simulator.options.apps[:1]:
            splunkd = Management(simulator.head, simulator)
            web = Port(Web(splunkd, app), where.web, certificate)
            simulator.web_url = web.url
            servers.append(web)
        for server in servers:
            server.start()
        if certificate:
            simulator.trust(certificate.certificate)
        with _scheduling(simulator):
            yield simulator
    finally:
        for server in servers:  # all at once: each takes a while to see it
            server.end()
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
