"""A simulator on a port of 127.0.0.1: within this process."""

import contextlib
from collections.abc import Iterator

from tests.kibana.app import Application
from tests.kibana.runner.scheduling import scheduler
from tests.kibana.simulator import Options, Simulator
from tests.simulators.port import Port
from tests.splunkd.certificate import Certificate


@contextlib.contextmanager
def running(
    options: Options | None = None, port: int = 0, certificate: Certificate | None = None
) -> Iterator[Simulator]:
    """Start a simulator within this process, and stop it at the end.

    Its address is ``url``; user ``elastic``, password ``changeme``; keys by ``accounts.key_with``.
    """
    simulator = Simulator(options)
    server = Port(Application(simulator), port, certificate)
    simulator.url = server.url
    server.start()
    beside = scheduler(simulator) if simulator.options.schedules else contextlib.nullcontext()
    try:
        with beside:
            yield simulator
    finally:
        server.stop()
        simulator.cluster.close()


__all__ = ["Certificate", "running"]
