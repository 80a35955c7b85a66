"""The demo's story over a simulated SIEM, whose own rules raise and whose own people close alerts.

Each SIEM's demo starts its simulator and opens a workspace on it; the rest is the same for all.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from scoreback.records import LabelQuery, explore_rule_name
from scoreback.service.app import App
from scoreback.service.cli import show
from scoreback.service.cli.demo_view import summary
from scoreback.service.demo import SYNTHETIC_NOTICE
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.play import DETECTORS, START, company, play
from scoreback.service.demo.stage import Stage
from scoreback.service.demo.story import CHANGING, WHOLE, Calendar, Story
from scoreback.service.recalling.taken_back import LABELLER, TAG
from scoreback.service.training.report_job import write_report

Tell = Callable[[str], None]


class Team(Stage, Protocol):
    """A stage that counts what its people closed."""

    closed: int


@dataclass(frozen=True, slots=True)
class Played:
    """One detector's story, and what the SIEM knows of it in the end."""

    story: Story
    report: Path
    closed: int  # alerts that analysts closed
    labels: int  # what the door to labels tells of these alerts
    tagged: frozenset[str]  # ids of the alerts that have the tag of a rollback
    closed_by_us: frozenset[str]  # ids of those that are closed in our name


def played(
    app: App,
    company: Company,
    stream: StreamName,
    file: str,
    reports: Path,
    tell: Tell,
    team: Team,
    calendar: Calendar | None = None,
) -> Played:
    """Play the story of one stream in the SIEM of *app*, where *team* closes alerts."""
    connector = app.connector
    if connector.resources is None or connector.alerts is None or connector.labels is None:
        raise TypeError("a SIEM keeps resources, and shows its alerts and their labels")
    for resource in connector.resources.wanted():
        connector.resources.apply(resource)
    story = play(app, company, stream, file, tell, team, calendar)
    name = story.detector.name
    report = write_report(
        app, name, story.second.version.version, reports / f"{name}.html", SYNTHETIC_NOTICE
    )
    rules = (name, explore_rule_name(name))
    asked = LabelQuery(detector=name, entity=story.detector.entity, since=START, rules=rules)
    labels = [
        who
        for batch in connector.labels.read(asked)
        for who in batch.batch.column("labeller").to_pylist()
    ]
    alerts = list(connector.alerts.find())
    return Played(
        story=story,
        report=report,
        closed=team.closed,
        labels=sum(who != LABELLER for who in labels),
        tagged=frozenset(one.alert_id for one in alerts if TAG in one.tags),
        closed_by_us=frozenset(one.alert_id for one in alerts if one.labeller == LABELLER),
    )


def small_company() -> Company:
    """A company in which all of the story comes true in less time, for tests: see `CALENDAR`."""
    harder = replace(CHANGING, attack_rate=2.0, drift_rate=6.0)
    return Company(seed=7, start=START, scale=0.4, difficulty=harder)


# Of fewer machines, ten days are too little to learn from: training refuses them.
CALENDAR = replace(WHOLE, learnt_until=15)


def parser(description: str) -> argparse.ArgumentParser:
    """What every SIEM's demo may be told."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--seed", type=int, default=7, help="of the simulated company")
    made.add_argument("--only", choices=[stream for stream, _ in DETECTORS])
    made.add_argument("--reports", type=Path, default=Path("scoreback-demo"))
    return made


def tell_all(
    given: argparse.Namespace,
    opened: Callable[[StreamName], AbstractContextManager[tuple[App, Team]]],
) -> None:
    """Play every stream, or the one that is *given*, each in a SIEM that is *opened* for it."""
    plays = list(_plays(given, opened))
    summary([one.story for one in plays])
    for line in _ends(plays):
        show.say(line)
    show.say("The report of each last training, to open in a browser:")
    for one in plays:
        show.say(f"  {one.report}")


def _plays(
    given: argparse.Namespace,
    opened: Callable[[StreamName], AbstractContextManager[tuple[App, Team]]],
) -> Iterator[Played]:
    simulated = company(given.seed)
    for stream, file in DETECTORS:
        if given.only in (None, stream):
            with show.stages(file.removesuffix(".yml")) as stage, opened(stream) as (app, team):
                tell = partial(stage, 0, 0)
                yield played(app, simulated, stream, file, given.reports, tell, team)


def _ends(plays: Sequence[Played]) -> Iterator[str]:
    """Of each detector, what came back from the SIEM and what it keeps."""
    for one in plays:
        said = (
            f"{one.story.detector.name}: analysts closed {one.closed} alerts in the SIEM, and"
            f" {one.labels} of these verdicts came back as labels"
        )
        back = one.story.taken_back
        if back is not None:
            before, after = back.rules
            said += (
                f"; by the rollback the SIEM's rule asks for {after} instead of {before}, and"
                f" {len(one.tagged)} of its alerts are tagged {TAG}"
            )
        yield f"{said}."
