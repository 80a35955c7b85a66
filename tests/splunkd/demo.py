"""The demo's story over the simulator of splunkd: ``make demo-splunk``.

The company's events lie in the simulator's index. Scoreback trains and scores over the management
port and the event collector. Then the simulator's scheduler runs the saved searches that Scoreback
deployed: those raise findings as Enterprise Security would, analysts give them dispositions in
their own sessions, the labels door reads these, and a second training learns from them. In the end
a rollback is asked for, and the saved searches follow it.

``python -m tests.splunkd.demo [--seed N] [--only STREAM] [--reports FOLDER]``
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from scoreback.connectors.splunk.labels.verdicts import Verdicts
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.service.app import App
from scoreback.service.cli import show
from scoreback.service.demo.play import START
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.times import moment
from tests.simulators.demo import parser, tell_all
from tests.splunkd.analysts import Team
from tests.splunkd.company import INDEX, CompanyConnector, CompanyIntake
from tests.splunkd.fixtures import APP
from tests.splunkd.serving import running
from tests.splunkd.simulator import HEC_TOKEN, Options, Simulator


@contextmanager
def workspace(home: Path, simulator: Simulator) -> Iterator[tuple[App, CompanyConnector]]:
    """A workspace in *home* whose SIEM is *simulator*; its clock is the simulator's."""
    settings = Settings(home=home, connector="splunk", connection="demo")
    connector = CompanyConnector.open(
        "demo",
        {
            "url": simulator.url,
            "hec_url": simulator.hec_url,
            "user": "admin",
            "password": "changed!",
            "hec_token": HEC_TOKEN,
            "settle": "PT0S",
        },
    )
    connector.company = CompanyIntake(simulator, Verdicts(KvStore(connector.client)))
    try:
        with State.open(settings.state) as state:

            def now() -> datetime:
                return moment(round(simulator.clock.now() * 1e6))

            yield App(settings, connector, state, now), connector
    finally:
        connector.close_connection()


@contextmanager
def opened(home: Path) -> Iterator[tuple[App, Team]]:
    """A simulator and a workspace of its own, and the team that works there."""
    options = Options(apps=(APP,), enterprise_security=True, now=START.timestamp())
    with running(options) as simulator, workspace(home, simulator) as (app, _):
        simulator.add_index(INDEX)
        yield app, Team(simulator)


def main() -> None:
    """Play every stream, or one, and print what came of it."""
    given = parser("The demo over a simulator of splunkd.").parse_args()
    show.say("Splunk is played by a simulator: no real Splunk has confirmed what is shown here.")
    with tempfile.TemporaryDirectory(prefix="scoreback-demo-") as folder:
        tell_all(given, lambda stream: opened(Path(folder) / stream))


if __name__ == "__main__":
    main()
