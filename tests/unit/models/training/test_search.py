"""A search for parameters finds what is there, keeps the defaults where nothing is, and repeats."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.detector.spec import Detector
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Lesson, Range
from scoreback.models.training.parameter_search import LEAST_POSITIVES, Searched, search
from scoreback.models.training.training import train

History = tuple[pa.Table, pa.Table, datetime]


def never() -> bool:
    return False


def silent(_done: int, _step: str) -> None:
    """Tell nobody."""


def lesson(*, signal: float, width: int = 12, rows: int = 700, seed: int = 3) -> Lesson:
    """A weak signal in one of many columns: where a strong penalty pays."""
    draw = np.random.default_rng(seed)
    matrix = draw.normal(size=(2 * rows, width)).astype(np.float32)
    odds = signal * matrix[:, 0] - 2.5
    truth = (draw.random(2 * rows) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    return Lesson(
        matrix=matrix[:rows], truth=truth[:rows], later_matrix=matrix[rows:],
        later_truth=truth[rows:], seed=seed, threads=2,
    )  # fmt: skip


def found(taught: Lesson, trials: int = 4, name: str = "xgboost") -> Searched:
    return search(taught, [name], trials, time_is_up=never, tell=silent)


def test_a_setting_surely_better_than_the_defaults_is_taken() -> None:
    searched = found(lesson(signal=3.0, width=120, rows=600), 4, "random_forest")
    assert searched.parameters["random_forest"]["max_features"] > 0.1  # to see the one among many
    assert (searched.trials, searched.note) == (4, "")


def test_where_nothing_is_to_be_found_the_defaults_mostly_stay() -> None:
    taken = [found(lesson(signal=0.0, seed=seed), trials=2).parameters for seed in range(6, 10)]
    assert taken.count({}) >= 3


def test_the_same_seed_finds_the_same() -> None:
    assert found(lesson(signal=1.0), trials=2) == found(lesson(signal=1.0), trials=2)


@pytest.mark.parametrize("name", sorted(algorithms()))
def test_every_algorithm_takes_what_its_space_draws(name: str) -> None:
    taught = lesson(signal=1.0, rows=400)
    assert search(taught, [name], 2, time_is_up=never, tell=silent).trials == 2


def test_too_few_positives_are_no_ground_for_a_search() -> None:
    taught = lesson(signal=0.0, rows=60)
    searched = found(taught)
    assert (searched.trials, searched.parameters) == (0, {})
    assert f"{LEAST_POSITIVES} needed" in searched.note


def test_a_search_without_time_says_how_far_it_came() -> None:
    asked = iter([False, False, True])
    searched = search(
        lesson(signal=1.0), ["logistic_regression"], 9,
        time_is_up=lambda: next(asked), tell=silent,
    )  # fmt: skip
    assert searched.trials == 1
    assert "lack of time after 1 of 9" in searched.note


@given(st.floats(0.001, 10), st.floats(1, 100), st.booleans(), st.integers(0, 99))
def test_a_range_draws_within_itself(low: float, factor: float, log: bool, seed: int) -> None:
    place = Range(low, low * factor, log=log)
    drawn = place.draw(np.random.default_rng(seed))
    assert low - 1e-5 <= drawn <= low * factor + 1e-5


def test_a_training_with_trials_says_what_it_tried_and_repeats_itself(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    rows, labels, as_of = make_history(events=5000)
    detector = make_detector(train={"algorithms": ["xgboost"], "trials": 2})
    steps: list[tuple[int, int, str]] = []
    first = train(detector, rows, labels, as_of, progress=lambda *step: steps.append(step))
    again = train(detector, rows, labels, as_of)
    assert first.artifact.artifact_hash == again.artifact.artifact_hash
    assert first.searched.trials == 2
    assert first.artifact.manifest.parameters == first.searched.parameters.get("xgboost", {})
    counted = [done for done, whole, _ in steps if whole > 1]
    assert counted == sorted(counted)
    assert counted[-1] == steps[-1][1]
    assert any("trial 2 of 2: xgboost" in step for _, _, step in steps)


def test_a_training_whose_search_ran_out_of_time_says_so(
    make_history: Callable[..., History], make_detector: Callable[..., Detector]
) -> None:
    detector = make_detector(train={"algorithms": ["logistic_regression"], "trials": 50})
    training = train(detector, *make_history(events=5000), time_is_up=lambda: True)
    assert any("lack of time" in warning for warning in training.warnings)
