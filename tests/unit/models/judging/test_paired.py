"""Two rankings beside each other: laws of the difference, and what unlabelled alerts count as."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoreback.models.judging.paired import Paired, paired, shown_daily
from scoreback.suppression import DAY_US, Suppression

RULE = Suppression(per_entity=3, throttle=timedelta(hours=1))


def drawn(
    seed: int, count: int = 120
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]:
    draw = np.random.default_rng(seed)
    truth = draw.choice(np.array([1, 0, -1], dtype=np.int8), count)
    return draw.integers(0, 6, count), draw.integers(-1, 20, count), truth


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.floats(0.05, 0.9))
def test_swapping_the_sides_negates_the_difference_and_its_interval(
    seed: int, share: float
) -> None:
    days, entities, truth = drawn(seed)
    draw = np.random.default_rng(seed + 1)
    ours, theirs = draw.random(len(days)) < share, draw.random(len(days)) < share
    one, other = (
        paired(days, entities, truth, a, b, 7) for a, b in ((ours, theirs), (theirs, ours))
    )
    assert (one.ours, one.theirs) == (other.theirs, other.ours)
    if one.difference is None:
        assert other.difference is None
        return
    found, mirrored = interval(one), interval(other)
    np.testing.assert_allclose(found, [-mirrored[0], -mirrored[2], -mirrored[1]], atol=1e-12)
    assert found[1] <= found[0] <= found[2]


def interval(one: Paired) -> list[float]:
    assert one.difference is not None
    assert one.low is not None
    assert one.high is not None
    return [one.difference, one.low, one.high]


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_equal_models_differ_by_nothing(seed: int) -> None:
    days, entities, truth = drawn(seed)
    shown = np.random.default_rng(seed).random(len(days)) < 0.4
    assert interval(paired(days, entities, np.maximum(truth, 0), shown, shown, 7)) == [0, 0, 0]


def test_a_side_that_finds_more_is_better_beyond_chance() -> None:
    draw = np.random.default_rng(3)
    truth = (draw.random(400) < 0.5).astype(np.int8)
    days, entities = np.arange(400) % 8, np.arange(400) % 40
    good, bad = truth == 1, truth == 0
    found = paired(days, entities, truth, good, bad, 7)
    assert found.difference == 1
    assert found.low is not None
    assert found.low > 0.8
    assert found.both == 0
    assert found.verdicts == 400


def test_few_labels_of_what_one_side_alone_shows_make_the_interval_wide() -> None:
    truth = np.full(100, -1, dtype=np.int8)
    ours, theirs = np.arange(100) < 60, np.arange(100) >= 40
    truth[45:55] = 1  # of what both show
    truth[0], truth[99] = 1, 0
    days, entities = np.arange(100) % 5, np.arange(100)
    found = paired(days, entities, truth, ours, theirs, 7)
    assert found.difference == pytest.approx(40 / 60)
    assert found.low is not None
    assert found.low < 0.2


def test_without_a_label_nothing_is_said() -> None:
    days, entities, truth = drawn(1)
    shown = np.ones(len(days), dtype=bool)
    found = paired(days, entities, np.full_like(truth, -1), shown, ~shown, 7)
    assert (found.difference, found.low, found.high, found.verdicts) == (None, None, None, 0)
    assert paired(days, entities, truth, ~shown, ~shown, 7).difference is None


def test_both_show_equally_many_a_day_and_never_more_than_the_budget() -> None:
    draw = np.random.default_rng(5)
    times = np.sort(draw.integers(0, 4 * DAY_US, 2000))
    entities = draw.integers(0, 300, 2000)
    scores = {"a": draw.random(2000), "b": draw.random(2000)}
    scores["b"][draw.random(2000) < 0.99] = -np.inf  # it can show few
    found = shown_daily(times, entities, scores, 10.0, RULE, 7)
    for day in range(4):
        of = {name: int(mask[times // DAY_US == day].sum()) for name, mask in found.items()}
        assert of["a"] == of["b"] <= 10
    assert found["a"].any()


def test_labels_that_were_drawn_stand_for_those_that_were_not() -> None:
    """By how often each was drawn, over many draws the precision is that of all alerts."""
    draw = np.random.default_rng(5)
    count = 4_000
    days, entities = np.arange(count) % 6, draw.integers(0, 200, count)
    ours = draw.random(count) < 0.5
    chances = np.where(ours, np.where(days < 3, 0.5, 0.1), 1.0)  # of good days more was shown
    truth = (draw.random(count) < np.where(days < 3, 0.8, 0.2)).astype(np.int8)
    found, plain = [], []
    for _ in range(20):
        told = np.where(draw.random(count) < chances, truth, np.int8(-1))
        found.append(paired(days, entities, told, ours, ~ours, 7, chances))
        plain.append(paired(days, entities, told, ours, ~ours, 7))
    really = truth[ours].mean()
    assert np.mean([one.ours.precision for one in found]) == pytest.approx(really, abs=0.02)
    assert np.mean([one.ours.precision for one in plain]) > really + 0.1
    assert {one.theirs.precision for one in found} == {truth[~ours].mean()}
    inside = [one.low <= really - truth[~ours].mean() <= one.high for one in found]
    assert sum(inside) >= 17
    assert all(one.alone == one.ours.labelled for one in found)


def test_fewer_labels_of_unequal_weight_make_the_interval_wider() -> None:
    days, entities, _ = drawn(3)
    truth = (np.arange(len(days)) % 2).astype(np.int8)
    ours = np.arange(len(days)) < 60
    uneven = np.where(np.arange(len(days)) % 7 == 0, 0.02, 1.0)
    wide, usual = (
        paired(days, entities, truth, ours, ~ours, 7, chances)
        for chances in (uneven, np.full(len(days), 0.5))
    )
    assert interval(usual) == interval(paired(days, entities, truth, ours, ~ours, 7))
    assert wide.high - wide.low > usual.high - usual.low  # type: ignore[operator]
