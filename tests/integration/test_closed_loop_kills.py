"""Each job of the closed loop, killed at a random moment and done again, loses and doubles nothing.

``benchmarks/kills.py`` does the same a hundred times.
"""

import random
from pathlib import Path

import pytest

from tests.integration.closed_loop_jobs import JOBS
from tests.integration.killed_jobs import Copies
from tests.integration.killed_on_node import OnNode

SEED = 20


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    return Copies(tmp_path_factory.mktemp("closed_loop"))


def test_the_story_has_what_a_kill_could_lose(undisturbed: Copies) -> None:
    after = {one.job.name: one.after for one in undisturbed.told}
    last = after["backtest"]
    assert {row["stage"] for row in last["scores"]} == {"live", "shadow", "audit", "explore"}
    assert len(last["state: audits"]) > 4
    assert sum(row["shown"] for row in last["state: explored"]) > 2
    assert any(one.is_explored for one in last["alerts"])
    assert len(last["state: quarantine_cases"]) == 1
    assert len(last["state: quarantine_decisions"]) == 1
    verdicts = sorted(row["outcome"] for row in last["state: gate_verdicts"])
    assert verdicts == ["better", "no_better"]
    kinds = sorted(row["kind"] for row in last["state: promotions"])
    assert kinds == ["promote", "promote", "promote", "rollback", "rollback", "undo"]
    closed = [one for one in after["rollback --close"]["alerts"] if one.labeller == "scoreback"]
    assert len(closed) > 3
    assert not [one for one in after["rollback --undo"]["alerts"] if one.labeller == "scoreback"]
    paused = after["score, paused"]
    assert len(paused["scores"]) > len(after["resume"]["alerts"])
    assert paused["alerts"] == after["pause"]["alerts"]
    because = [row["trained_because"] for row in last["state: versions"]]
    assert [one for one in because if one] == ["14 new verdicts >= 5"]
    statuses = sorted(row["status"] for row in last["state: versions"])
    assert statuses == ["champion", "retired", "retired", "retired"]
    assert last["backtest"] is not None
    assert not last["left over"]
    assert not last["outbox"]


@pytest.mark.parametrize("number", range(len(JOBS)), ids=[one.name for one in JOBS])
def test_killed_at_a_random_moment_and_done_again_it_is_as_if_nothing_had_been(
    undisturbed: Copies, number: int
) -> None:
    found = undisturbed.disturbed(number, random.Random(SEED + number))  # noqa: S311
    assert found.kills
    assert found.differences == (), found.when


@pytest.mark.server
def test_on_a_node_a_story_whose_every_job_is_killed_comes_to_the_same(
    elasticsearch_url: str, tmp_path: Path
) -> None:
    node = OnNode(elasticsearch_url, tmp_path)
    draw = random.Random(SEED)  # noqa: S311
    with node.killed(draw) as jobs:
        for told, found in zip(node.told, jobs, strict=True):
            assert found.kills
            assert found.differences == (), f"{told.job.name} killed at {found.when}"
    last = node.told[-1].after
    assert {row["stage"] for row in last["scores"]} == {"live", "shadow", "audit", "explore"}
