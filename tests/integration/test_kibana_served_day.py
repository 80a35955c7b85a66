"""What a day of `serve` asks of Kibana: scoring asks nothing while nothing changes.

The clock is the test's, the schedule is the product's, and all jobs of the day run: over a real
Elasticsearch node and the simulator of Kibana.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.doors import ScoreQuery
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.health import Condition
from scoreback.models.detector.spec import Detector
from scoreback.records import TimeWindow
from scoreback.service.app import opened
from scoreback.service.demo.company import Company
from scoreback.service.deploying.plan_apply import apply
from scoreback.service.serving import schedule
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.jobs import Jobs
from scoreback.service.serving.kinds import KINDS
from scoreback.service.settings import Settings
from scoreback.service.state.runs import runs
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop
from tests.elasticsearch.connection import connected
from tests.integration.conftest import DAYS, FILE, START, TRAINED, day, with_refs
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.simulator import Simulator

pytestmark = pytest.mark.server

EVERY = "0 * * * *"  # as often as the test can afford
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def served(
    elasticsearch_url: str, workspace: Path, kibana: Simulator, detector: Detector
) -> Iterator[Detector]:
    """The trained detector, over a day's events in the node; connection ``cluster`` leads there."""
    with connected(elasticsearch_url, "cluster") as connector:
        company = Company(seed=7, start=START, days=DAYS)
        events = next(islice(company.days("endpoint"), TRAINED, None)).events
        connector.intake.add_events("endpoint", with_refs(events))
        given = {
            "connector": "elastic", "hosts": [elasticsearch_url], "replicas": 0, "settle": "PT0S",
            "namespace": connector.given.namespace, "kibana": kibana.url, "space": kibana.home,
            "user": USER, "password": PASSWORD,
        }  # fmt: skip
        (workspace / "connections").mkdir(exist_ok=True)
        file = workspace / "connections" / "cluster.yml"
        file.touch(mode=0o600)
        file.write_text(json.dumps(given))
        body = detector.model_dump(mode="json", by_alias=True)
        body["events"]["elastic"] = dict(connector.intake.selection("endpoint"))
        body["schedule"]["score"] = EVERY
        yield Detector.model_validate(body)


class Asked:
    """Counts the requests to Kibana, by the job that makes them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.job, self.requests, self.runs = "", Counter[str](), Counter[str]()
        send = Kibana.send

        def counted(kibana: Kibana, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
            self.requests[self.job] += 1
            return send(kibana, *given, **named)

        monkeypatch.setattr(Kibana, "send", counted)


def serve_a_day(jobs: Jobs, clock: list[datetime], detector: Detector, asked: Asked) -> None:
    """Run each job of *detector* when it is due, for 24 hours of *clock*; once an hour at most."""
    end = clock[0] + DAY
    waiting = {}
    for kind in KINDS.values():
        if kind.line(detector) is not None:
            trigger = schedule.trigger_of(detector, kind)
            waiting[kind.name] = trigger, trigger.get_next_fire_time(None, clock[0])
    while waiting:
        name = min(waiting, key=lambda one: waiting[one][1] or end)
        trigger, due = waiting.pop(name)
        if due is None or due >= end:
            continue
        clock[0], asked.job = due, name
        asked.runs[name] += 1
        jobs.run(name, detector.name)
        waiting[name] = trigger, trigger.get_next_fire_time(None, due + HOUR)


def test_scoring_asks_kibana_nothing_on_a_day_on_which_nothing_changes(
    served: Detector, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, asked = [day(TRAINED)], Asked(monkeypatch)
    settings = Settings(home=workspace, connection="cluster")
    with State.open(settings.state) as state:
        with opened(settings, state=state, clock=lambda: clock[0]) as app:
            apply(app, [served], take_over=False, by="test", at=clock[0])
        assert asked.requests[""] > 5  # so requests are seen
        jobs = Jobs(settings, state, Stop(), lambda: clock[0])
        jobs.serve({served.name: Served(FILE, served)})
        serve_a_day(jobs, clock, served, asked)
        done = Counter(run.status for run in runs(state, served.name, 500, kind="score"))
        with opened(settings, state=state, clock=lambda: clock[0]) as app:
            query = ScoreQuery(detector=served.name, window=TimeWindow(since=START, until=clock[0]))
            scores = sum(batch.batch.num_rows for batch in app.connector.scores.read(query))
    assert (asked.runs["score"], done) == (24, {"done": 24})
    assert scores > 0
    assert asked.requests["score"] <= 1
    # The rules about health are looked at once a day, for all detectors together.
    looked = asked.requests["monitor"]
    assert asked.runs["monitor"] == 24
    assert 0 < looked <= 2 * len(Condition)
    assert asked.requests["settings"] == 0
