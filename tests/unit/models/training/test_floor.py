"""What the floor under alerts gives up is counted, and said in one sentence."""

from datetime import timedelta

import numpy as np

from scoreback.models.detector.file import parse_detector
from scoreback.models.judging.threshold import ScoredUnits
from scoreback.models.training.floor import given_up, in_words

HOUR = 3_600_000_000
DETECTOR = parse_detector("""
name: d
events: {local: {stream: alerts}}
entity: host.name
labels: {verdicts: {join: event}}
features: [number: network.bytes]
alerts: {budget: 10/day, least_precision: 10%}
""")


def units(scores: list[float]) -> ScoredUnits:
    count = len(scores)
    return ScoredUnits(
        times=np.arange(count, dtype=np.int64) * HOUR,
        entities=np.arange(count, dtype=np.int64),
        scores=np.array(scores),
        span=timedelta(hours=count),
    )


def test_alerts_that_fit_the_budget_and_lie_below_the_floor_are_given_up() -> None:
    scores = [0.9, 0.8, *[0.05] * 6, *[0.001] * 16]
    truth = np.array([1, 0, 1, *[0] * 21], dtype=np.int8)
    lost = given_up(DETECTOR, units(scores), truth)
    assert (lost.alerts, lost.true_alerts, lost.per_day) == (6, 1, 6.0)
    said = in_words(DETECTOR, lost)
    assert said is not None
    assert "6.0 alerts a day more would fit it" in said
    assert "1 of 6 on the latest days" in said


def test_where_the_budget_is_used_up_above_the_floor_nothing_is_given_up() -> None:
    lost = given_up(DETECTOR, units([0.9] * 10 + [0.01] * 14), np.zeros(24, dtype=np.int8))
    assert lost.alerts == 0
    assert in_words(DETECTOR, lost) is None
