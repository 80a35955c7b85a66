"""The demo's story over a real Elasticsearch node and the simulator of Kibana.

The company's events lie in the node. Scoreback trains and scores there, and deploys its detection
rules to the simulator. That runs the rules over the node's scores and writes alerts as Kibana
would; analysts close them with reasons through Kibana's API, the labels door reads these, and a
second training learns from them. A rollback takes the rule along, and tags and closes in Kibana
what the bad version alone raised.

``python -m tests.kibana.demo [--seed N] [--only STREAM] [--version 9.5] [--reports FOLDER]``
"""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from scoreback.connectors.elastic import ElasticConnector
from scoreback.service.app import App
from scoreback.service.cli import show
from scoreback.service.demo.company import StreamName
from scoreback.service.demo.play import START
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.times import moment
from tests.elasticsearch.node import running as running_node
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.analysts import Team
from tests.kibana.company import CompanyIntake
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator
from tests.kibana.versions import NEWEST, VERSIONS
from tests.simulators.demo import parser, tell_all


@contextmanager
def workspace(
    home: Path, node: str, simulator: Simulator
) -> Iterator[tuple[App, ElasticConnector]]:
    """A workspace in *home* over *node* and *simulator*, whose clock is its clock."""
    settings = Settings(home=home, connector="elastic", connection="demo")
    connector = ElasticConnector.open(
        "demo",
        {
            "hosts": [node],
            "kibana": simulator.url,
            "space": simulator.home,
            "user": USER,
            "password": PASSWORD,
            "namespace": f"demo_{simulator.home}",
            "settle": "PT0S",
            "replicas": 0,
        },
    )
    connector.intake = CompanyIntake(simulator, connector.intake)
    try:
        with State.open(settings.state) as state:

            def now() -> datetime:
                return moment(round(simulator.clock.now() * 1e6))

            yield App(settings, connector, state, now), connector
    finally:
        connector.close_connection()


@contextmanager
def opened(
    node: str, home: Path, stream: StreamName, version: str = NEWEST
) -> Iterator[tuple[App, Team]]:
    """A space and a workspace of its own for *stream*, and the team that works there."""
    options = Options(
        elasticsearch=node,
        version=version,
        space=f"company_{stream}_{secrets.token_hex(3)}",
        now=START.timestamp(),
    )
    with running(options) as simulator, workspace(home, node, simulator) as (app, _):
        yield app, Team(simulator)


def main() -> None:
    """Play every stream, or one, and print what came of it."""
    asked = parser("The demo over a simulator of Kibana.")
    asked.add_argument("--version", choices=list(VERSIONS), default=NEWEST, help="of Kibana")
    given = asked.parse_args()
    show.say(
        "Elasticsearch is a real node; Kibana is played by a simulator: no real Kibana has"
        " confirmed what is shown here."
    )
    with (
        running_node() as server,
        tempfile.TemporaryDirectory(prefix="scoreback-demo-") as folder,
    ):
        tell_all(
            given,
            lambda stream: opened(server.url, Path(folder) / stream, stream, given.version),
        )


if __name__ == "__main__":
    main()
