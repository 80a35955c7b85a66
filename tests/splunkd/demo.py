"""The demo's cycle over the simulator of splunkd: ``make demo-splunk``.

The company's events lie in the simulator's index. Scoreback trains and scores over the management
port and the event collector. Then the simulator's scheduler runs the saved searches that Scoreback
deployed: those raise findings as Enterprise Security would, analysts give them dispositions in
their own sessions, the labels door reads these, and a second training learns from them. In the end
a rollback is asked for, and the saved searches follow it.

``python -m tests.splunkd.demo [--seed N] [--only STREAM] [--reports FOLDER]``
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from scoreback.connectors.splunk.labels.verdicts import Verdicts
from scoreback.connectors.splunk.wire.kvstore import KvStore
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


@dataclass(frozen=True, slots=True)
class Played:
    """One detector's story, and what became of its saved search."""

    story: Story
    report: Path
    closed: int  # findings that analysts gave a disposition
    labels: int  # what the door to labels tells of these findings
    versions: tuple[str, ...]  # that the saved search asked for: before the rollback, and after


def played(
    home: Path,
    company: Company,
    stream: StreamName,
    file: str,
    reports: Path,
    tell: Callable[[str], None],
) -> Played:
    """Play the cycle of one stream in a simulator and a workspace of its own, in *home*."""
    options = Options(apps=(APP,), enterprise_security=True, now=START.timestamp())
    with running(options) as simulator, workspace(home, simulator) as (app, connector):
        simulator.add_index(INDEX)
        for resource in connector.resources.wanted():
            connector.resources.apply(resource)
        team = Team(simulator)
        story = play(app, company, stream, file, tell, team)
        name, end = story.detector.name, START + timedelta(days=END, minutes=30)
        team.until(end)
        rules = [connector.rules.current(name)]
        tell("rolling back: the saved search follows")
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
    parser = argparse.ArgumentParser(description="The demo over a simulator of splunkd.")
    parser.add_argument("--seed", type=int, default=7, help="of the simulated company")
    parser.add_argument("--only", choices=[stream for stream, _ in DETECTORS])
    parser.add_argument("--reports", type=Path, default=Path("scoreback-demo"))
    given = parser.parse_args()
    company = Company(seed=given.seed, start=START)
    show.say("Splunk is played by a simulator: no real Splunk has confirmed what is shown here.")
    plays = []
    with tempfile.TemporaryDirectory(prefix="scoreback-demo-") as folder:
        for stream, file in DETECTORS:
            if given.only in (None, stream):
                with show.stages(file.removesuffix(".yml")) as stage:
                    tell = partial(stage, 0, 0)
                    plays.append(
                        played(Path(folder) / stream, company, stream, file, given.reports, tell)
                    )
    summary([one.story for one in plays])
    for one in plays:
        before, after = one.versions
        show.say(
            f"{one.story.detector.name}: analysts gave {one.closed} findings a disposition,"
            f" {one.labels} came back as labels; after the rollback its saved search asks for"
            f" {after} instead of {before}"
        )
    show.say("The report of each last training, to open in a browser:")
    for one in plays:
        show.say(f"  {one.report}")


if __name__ == "__main__":
    main()
