"""The demo's cycle over a real Elasticsearch node and the simulator of Kibana.

The company's events lie in the node. Scoreback trains and scores there, and deploys its detection
rules to the simulator. That runs the rules over the node's scores and writes alerts as Kibana
would; analysts close them with reasons through Kibana's API, the labels door reads these, and a
second training learns from them. In the end a rollback is asked for, and the rule follows it.

``python -m tests.kibana.demo [--seed N] [--only STREAM] [--version 9.5] [--reports FOLDER]``
"""

import argparse
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from scoreback.connectors.elastic import ElasticConnector
from scoreback.records import LabelQuery
from scoreback.service.app import App
from scoreback.service.cli import show
from scoreback.service.cli.demo_view import summary
from scoreback.service.demo import SYNTHETIC_NOTICE
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.play import DETECTORS, END, START, WHO, Story, play
from scoreback.service.deploying.promotion import rollback
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.training.report_job import write_report
from scoreback.times import moment
from tests.elasticsearch.node import running as running_node
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.analysts import Team
from tests.kibana.company import CompanyIntake
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator
from tests.kibana.versions import NEWEST, VERSIONS


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


@dataclass(frozen=True, slots=True)
class Played:
    """One detector's story, and what became of its rule."""

    story: Story
    report: Path
    closed: int  # alerts that analysts closed with a reason
    labels: int  # what the door to labels tells of these alerts
    versions: tuple[str, ...]  # that the rule asked for: before the rollback, and after


def played(
    node: str,
    home: Path,
    company: Company,
    stream: StreamName,
    file: str,
    reports: Path,
    tell: Callable[[str], None],
    version: str = NEWEST,
) -> Played:
    """Play the cycle of one stream in a space and a workspace of its own, in *home*."""
    options = Options(
        elasticsearch=node,
        version=version,
        space=f"company_{stream}_{secrets.token_hex(3)}",
        now=START.timestamp(),
    )
    with running(options) as simulator, workspace(home, node, simulator) as (app, connector):
        for resource in connector.resources.wanted():
            connector.resources.apply(resource)
        team = Team(simulator)
        story = play(app, company, stream, file, tell, team)
        name, end = story.detector.name, START + timedelta(days=END, minutes=30)
        team.until(end)
        rules = [connector.rules.current(name)]
        tell("rolling back: the rule follows")
        rollback(app, story.detector, by=WHO, at=end)
        rules.append(connector.rules.current(name))
        report = reports / f"{name}.html"
        write_report(app, name, story.second.version.version, report, SYNTHETIC_NOTICE)
        asked = LabelQuery(detector=name, entity=story.detector.entity, since=START, rules=(name,))
        labels = sum(batch.num_rows for batch in connector.labels.read(asked))
    versions = tuple(rule.version for rule in rules if rule)
    return Played(story, report, team.closed, labels, versions)


def main() -> None:
    """Play every stream, or one, and print what came of it."""
    parser = argparse.ArgumentParser(description="The demo over a simulator of Kibana.")
    parser.add_argument("--seed", type=int, default=7, help="of the simulated company")
    parser.add_argument("--only", choices=[stream for stream, _ in DETECTORS])
    parser.add_argument("--version", choices=list(VERSIONS), default=NEWEST, help="of Kibana")
    parser.add_argument("--reports", type=Path, default=Path("scoreback-demo"))
    given = parser.parse_args()
    company = Company(seed=given.seed, start=START)
    show.say(
        "Elasticsearch is a real node; Kibana is played by a simulator: no real Kibana has"
        " confirmed what is shown here."
    )
    plays = []
    with (
        running_node() as server,
        tempfile.TemporaryDirectory(prefix="scoreback-demo-") as folder,
    ):
        for stream, file in DETECTORS:
            if given.only in (None, stream):
                with show.stages(file.removesuffix(".yml")) as stage:
                    tell = partial(stage, 0, 0)
                    home = Path(folder) / stream
                    plays.append(
                        played(
                            server.url,
                            home,
                            company,
                            stream,
                            file,
                            given.reports,
                            tell,
                            given.version,
                        )
                    )
    summary([one.story for one in plays])
    for one in plays:
        before, after = one.versions
        show.say(
            f"{one.story.detector.name}: analysts closed {one.closed} alerts with a reason,"
            f" {one.labels} came back as labels; after the rollback its rule asks for"
            f" {after} instead of {before}"
        )
    show.say("The report of each last training, to open in a browser:")
    for one in plays:
        show.say(f"  {one.report}")


if __name__ == "__main__":
    main()
