"""Killed at each step of writing to Splunk, between sending and noting it too: once as read.

All of it over the simulator, which shows events after a minute and acknowledges nothing; no real
Splunk has confirmed any of it.
"""

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.doors import AlertQuery, ScoreQuery
from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.names import ENTITIES
from scoreback.connectors.splunk.reading import pieces
from scoreback.connectors.splunk.wire import hec
from scoreback.connectors.splunk.wire.export import search
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.models.detector.file import load_detector
from scoreback.records import TimeWindow
from scoreback.service.app import opened
from scoreback.service.demo.company import Company
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.scoring import cutter
from tests.integration import killed_run
from tests.integration.conftest import START, TRAINED, day, with_refs
from tests.splunkd.connection import PASSWORD, SETTLE, USER, connected, seed, simulated
from tests.splunkd.simulator import HEC_TOKEN, Simulator

PROGRAM = Path(killed_run.__file__)
NAME = "splunk"
DETECTOR = "endpoint_threats"
END = day(TRAINED + 2)
FIRST_DAY = TRAINED - 1  # the windows of the first hours see little: the same in every run
EVER = TimeWindow(since=START, until=day(99))
DELAY = 60.0
ROUNDS = 4  # of scoring, each after what was sent can be seen
DEATHS = [
    ("outbox", "after", 2), ("begin", "after", 2), ("request", "after", 1), ("request", "after", 4),
    ("write", "after", 2), ("rows", "after", 1), ("rows", "before", 2), ("rows", "after", 3),
    ("enrich", "after", 2), ("histogram", "after", 2), ("sent", "before", 2), ("sent", "after", 2),
]  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _several_steps() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutter, "STEP_ROWS", killed_run.CLUSTER_STEP_ROWS)
        patch.setattr(pieces, "CHUNK_ROWS", killed_run.CLUSTER_STEP_ROWS)
        patch.setattr(hec, "MAX_EVENTS", killed_run.BULK_ITEMS)
        yield


@pytest.fixture(scope="module")
def detector_file(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The detector in Splunk's words; many of its scores are kept."""
    text = file.read_text()
    text = text.replace("events:\n", "events:\n  splunk: {search: index=endpoint, id: event_id}\n")
    text = text.replace("write:\n", "write:\n  enrich: entity\n  keep: {sample: 5%}\n")
    path = tmp_path_factory.mktemp("detector") / "endpoint_threats.yml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def company() -> list[Any]:
    days = Company(seed=7, start=START, days=TRAINED + 2).days("endpoint")
    return [with_refs(one.events) for one in list(days)[FIRST_DAY:]]


def filled(company: list[Any], simulator: Simulator) -> None:
    for events in company:
        seed(simulator, events, "endpoint")


@pytest.fixture
def simulator(company: list[Any]) -> Iterator[Simulator]:
    with simulated(now=END, delay=DELAY) as found:
        filled(company, found)
        yield found


def workspace_of(trained: Path, home: Path, simulator: Simulator, file: Path) -> Path:
    """A copy of the trained workspace on *simulator*, with its rule there."""
    shutil.copytree(trained, home)
    (home / "connections").mkdir()
    settings = {
        "url": simulator.url, "hec_url": simulator.hec_url, "user": USER, "password": PASSWORD,
        "hec_token": HEC_TOKEN, "settle": f"PT{SETTLE.total_seconds():.0f}S", "longest_wait": 0.01,
        "entities_every": "PT0S",
    }  # fmt: skip
    path = home / "connections" / f"{NAME}.yml"
    path.touch(0o600)
    path.write_text(json.dumps({"connector": "splunk", **settings}))
    with opened(killed_run.settings_of(home, NAME)) as app:
        assert reconcile(app, load_detector(file), at=day(TRAINED))
    return home


@pytest.fixture
def home(trained: Path, tmp_path: Path, simulator: Simulator, detector_file: Path) -> Path:
    return workspace_of(trained, tmp_path / "w", simulator, detector_file)


def run(simulator: Simulator, home: Path, file: Path, now: datetime = END) -> None:
    """Score until nothing is in doubt, and let rules look at all of it."""
    for _ in range(ROUNDS):
        simulator.run_until(now.timestamp())
        killed_run.score_all(killed_run.settings_of(home, NAME), file, now)
        now += timedelta(minutes=5)
    simulator.run_until(now.timestamp())


def killed(home: Path, file: Path, point: str, when: str, call: int) -> None:
    command = [sys.executable, str(PROGRAM), str(home), str(file), END.isoformat()]
    ended = subprocess.run([*command, point, when, str(call), NAME], check=False)
    assert ended.returncode == -signal.SIGKILL


def everything(splunk: SplunkConnector) -> dict[str, Any]:
    """What a reader sees."""
    query = ScoreQuery(detector=DETECTOR, window=EVER)
    scores = [row for batch in splunk.scores.read(query) for row in batch.batch.to_pylist()]
    assert len({row["score_id"] for row in scores}) == len(scores)
    counts: Counter[str] = Counter()
    for histogram in splunk.scores.histograms(DETECTOR, EVER):
        for hour, bins in histogram.counts.items():
            counts.update({f"{hour} {n}": count for n, count in enumerate(bins) if count})
    entities = {
        row["entity"]: (row["score"], row["event_time"])
        for row in KvStore(splunk.client).rows(ENTITIES)
    }
    # Which hit opens an alert and which ones join it depends on what came first: a rule may see the
    # first half of a batch, and the rest after the crash. Each hit is in one alert all the same.
    alerts = list(splunk.alerts.find(AlertQuery(detector=DETECTOR)))
    for row in scores:
        del row["scored_at"]  # differs with the round that made it
    return {
        "scores": {row["score_id"]: row for row in scores},
        "counts": dict(counts),
        "entities": entities,
        "hits": sum(alert.events for alert in alerts),
        "alerted": {alert.entity for alert in alerts},
    }


def doubled(splunk: SplunkConnector) -> int:
    """How many score events are stored that a reader drops."""
    spl = f"search {splunk.scores._events.base({'scoreback_detector': DETECTOR})}"
    rows = search(splunk.client, f"{spl} | stats count AS n, dc(scoreback_score_id) AS ids")
    return int(rows[0]["n"]) - int(rows[0]["ids"])


@pytest.fixture(scope="module")
def undisturbed(
    trained: Path, detector_file: Path, company: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    with simulated(now=END, delay=DELAY) as simulator:
        filled(company, simulator)
        folder = tmp_path_factory.mktemp("undisturbed") / "home"
        home = workspace_of(trained, folder, simulator, detector_file)
        run(simulator, home, detector_file)
        with connected(simulator, NAME) as splunk:
            found = everything(splunk)
            assert doubled(splunk) == 0
    assert len(found["scores"]) > 50
    assert found["hits"] > 2
    assert len(found["counts"]) > 10
    assert len(found["entities"]) > 5
    return found


@pytest.mark.parametrize(("point", "when", "call"), DEATHS)
def test_a_run_killed_at_any_step_is_made_good_by_the_next(
    point: str, when: str, call: int, home: Path, simulator: Simulator, detector_file: Path,
    undisturbed: dict[str, Any],
) -> None:  # fmt: skip
    killed(home, detector_file, point, when, call)
    run(simulator, home, detector_file)
    with connected(simulator, NAME) as splunk:
        assert everything(splunk) == undisturbed
        assert doubled(splunk) == 0  # as what was sent could be seen before it was sent again


def test_answers_that_get_lost_double_nothing_that_is_read(
    home: Path, simulator: Simulator, detector_file: Path, undisturbed: dict[str, Any]
) -> None:
    simulator.faults.add("hec", path="*/collector/event", method="stored", code=9, times=2)
    simulator.faults.add("hec", path="*/collector/event", method="stored", code=8, times=1, after=4)
    simulator.faults.add("refuse", status=503, path="*/jobs/export", times=2, after=3)
    simulator.faults.add("refuse", status=503, path="*/batch_save", times=1, after=1)
    run(simulator, home, detector_file)
    with connected(simulator, NAME) as splunk:
        assert everything(splunk) == undisturbed
        assert doubled(splunk) > 0  # stored twice, as the collector said that it was not
