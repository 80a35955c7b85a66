"""The whole loop of the demo on a SIEM that acknowledges nothing and shows everything late."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scoreback.connectors.doors import ScoreQuery
from scoreback.records import TimeWindow
from scoreback.service.demo.company import Company
from scoreback.service.demo.play import START
from scoreback.service.state.versions import Versions
from tests.contract.double.data import SCORE
from tests.integration.double_loop import END, Loop, opened

ALL = TimeWindow(since=START, until=START + timedelta(days=END + 1))


@pytest.fixture(scope="module")
def company() -> Company:
    return Company(seed=7, start=START)


def never() -> None:
    return None


@pytest.fixture(scope="module")
def undisturbed(company: Company, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("double") / "home"
    Loop(home, company, never).play()
    found = everything(home)
    assert len(found["scores"]) > 30
    assert len(found["alerts"]) > 5
    assert sum(alert.verdict is not None for alert in found["alerts"]) > 2
    assert len(found["versions"]) == 2
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_the_loop_killed_at_random_gives_everything_once_as_read(
    seed: int, company: Company, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    loop = Loop(tmp_path / "home", company, at_random(seed))
    loop.play()
    assert loop.kills > 5
    found = everything(loop.home)
    assert found["counted"] == undisturbed["counted"]
    assert found["scores"] == undisturbed["scores"]
    assert found["alerts"] == undisturbed["alerts"]
    assert found["versions"] == undisturbed["versions"]
    assert found["copies"] == 0  # what might still be on its way is waited for, not sent again


def at_random(seed: int) -> Callable[[], float | None]:
    """Kills each process a few times, at moments from its start to beyond its end."""
    rng = random.Random(seed)  # noqa: S311 - a test that repeats itself

    def moments() -> Iterator[float | None]:
        while True:
            for _ in range(rng.choice((0, 1, 3))):
                yield rng.uniform(0.0, 0.5)
            yield None

    return moments().__next__


def everything(home: Path) -> dict[str, Any]:
    """All that a reader sees in the end, and how many scores are there more than once."""
    with opened(home) as (app, connector, detector):
        query = ScoreQuery(detector=detector.name, window=ALL)
        scores = [row for b in connector.scores.read(query) for row in b.batch.to_pylist()]
        copies = Counter(score["score_id"] for score in connector.log.kept(SCORE))
        histograms = connector.scores.histograms(detector.name, ALL)
        return {
            "scores": [{k: v for k, v in row.items() if k != "scored_at"} for row in scores],
            "alerts": list(connector.alerts.find()),
            "counted": [(h.since, h.until, h.edges, h.counts) for h in histograms],
            "versions": [v.artifact_hash for v in Versions(app.state).list(detector.name)],
            "copies": sum(number - 1 for number in copies.values()),
        }
