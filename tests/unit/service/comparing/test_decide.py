"""What a comparison means under a detector's gate."""

from datetime import timedelta

import pytest

from scoreback.models.detector.file import parse_detector
from scoreback.models.judging.paired import Paired, Side
from scoreback.service.comparing.compare_job import Comparison
from scoreback.service.comparing.gate import decide

TEXT = """
name: one
events: {local: {stream: tiny}}
entity: host.name
labels: {verdicts: {join: event}}
features: [number: size]
alerts: {budget: 5/day}
gate: {shadow: 3d, min_verdicts: 50, min_precision: 30%}
"""
DETECTOR = parse_detector(TEXT)
DAY = timedelta(days=1)


def pair(
    low: float, high: float, *, verdicts: int = 60, ours: float = 0.6, alone: int = 9
) -> Paired:
    middle = (low + high) / 2
    sides = [
        Side(alerts=40, labelled=30, true_alerts=20, precision=one, floor=0.5)
        for one in (ours, ours - middle)
    ]
    return Paired(
        days=3, both=20, verdicts=verdicts, alone=alone, ours=sides[0], theirs=sides[1],
        difference=middle, low=low, high=high,
    )  # fmt: skip


def found(champion: Paired, *, days: int = 3, **rivals: Paired) -> Comparison:
    against = {"champion": champion, **rivals}
    return Comparison(covered=days * DAY, units=1000, against=against, missing={})


@pytest.mark.parametrize(
    ("comparison", "outcome", "why"),
    [
        (found(pair(0.1, 0.3)), "better", "difference +0.20 (+0.10 to +0.30)"),
        (found(pair(-0.1, 0.3)), "undecided", "not beyond chance yet"),
        (found(pair(-0.1, 0.3), days=12), "no_better", "in 12.0 days"),
        (found(pair(-0.3, 0.1)), "no_better", "no better than the champion"),
        (found(pair(0.0, 0.0)), "no_better", "no better than the champion"),
        (found(pair(0.1, 0.3, verdicts=31)), "not_enough_verdicts", "yet: 31 of 50"),
        (found(pair(-0.3, 0.1, alone=2)), "not_enough_verdicts", "shadow would raise: 2 of 5"),
        (found(pair(-0.3, 0.1, alone=2), days=12), "no_better", "in 12.0 days"),
        (found(pair(0.1, 0.3, ours=0.29)), "no_better", "below gate.min_precision"),
        (
            found(pair(0.1, 0.3), today_queue=pair(-0.3, -0.1)),
            "no_better",
            "today_queue does better",
        ),
        (found(pair(0.1, 0.3), today_queue=pair(-0.3, 0.1)), "better", "better than the champion"),
    ],
)
def test_each_comparison_has_its_answer(comparison: Comparison, outcome: str, why: str) -> None:
    said = decide(DETECTOR, comparison)
    assert said[0] == outcome
    assert why in said[1]


def test_days_without_alerts_are_an_answer() -> None:
    nobody = Comparison(covered=3 * DAY, units=0, against={}, missing={})
    assert decide(DETECTOR, nobody)[0] == "no_alerts"
