"""Each job of the closed loop, killed at a random moment and done again, loses and doubles nothing.

``benchmarks/kills.py`` does the same a hundred times.
"""

import random
from pathlib import Path

import pytest

from tests.integration.closed_loop_jobs import JOBS, Told, disturbed, story

SEED = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("closed_loop")


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> list[Told]:
    return list(story(folder))


def test_the_story_has_what_a_kill_could_lose(undisturbed: list[Told]) -> None:
    after = {one.job.name: one.after for one in undisturbed}
    last = after["backtest"]
    assert {row["stage"] for row in last["scores"]} >= {"live", "shadow"}
    assert len(last["state: audits"]) > 4
    assert len(last["state: quarantine_cases"]) == 1
    assert [row["outcome"] for row in last["state: gate_verdicts"]] == ["better"]
    kinds = sorted(row["kind"] for row in last["state: promotions"])
    assert kinds == ["promote", "promote", "promote", "rollback", "rollback", "undo"]
    closed = [one for one in after["rollback --close"]["alerts"] if one.labeller == "scoreback"]
    assert len(closed) > 3
    assert not [one for one in after["rollback --undo"]["alerts"] if one.labeller == "scoreback"]
    paused = after["score, paused"]
    assert len(paused["scores"]) > len(after["resume"]["alerts"])
    assert paused["alerts"] == after["pause"]["alerts"]
    assert last["backtest"] is not None
    assert not last["left over"]


@pytest.mark.parametrize("number", range(len(JOBS)), ids=[one.name for one in JOBS])
def test_killed_at_a_random_moment_and_done_again_it_is_as_if_nothing_had_been(
    undisturbed: list[Told], folder: Path, number: int
) -> None:
    found = disturbed(undisturbed[number], folder, random.Random(SEED + number))  # noqa: S311
    assert found.kills
    assert found.differences == (), found.when
