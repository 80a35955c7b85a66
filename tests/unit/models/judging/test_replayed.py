"""Figures of a replay, by small tables counted by hand."""

import numpy as np
import pytest

from scoreback.models.judging.over_time import area_under_time
from scoreback.models.judging.replayed import Counts, Replayed, by_day, figures
from scoreback.models.labels.truths import (
    BENIGN_POSITIVE,
    FALSE_POSITIVE,
    NO_VERDICT,
    TRUE_POSITIVE,
    UNKNOWN,
)

DAY = 86_400_000_000
STARTS = [0, DAY, 2 * DAY, 3 * DAY]


def replayed(*rows: tuple[float, int, int, int, int, int]) -> Replayed:
    """Of rows (day, entity, truth, verdict, opened, hit)."""
    days, entities, truth, verdicts, opened, hits = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    times = (days * DAY).astype(np.int64)
    return Replayed(
        times=times, event_times=times, entities=entities.astype(np.int64),
        truth=truth.astype(np.int8), verdicts=verdicts.astype(np.int8),
        opened=opened.astype(bool), hits=hits.astype(bool),
    )  # fmt: skip


PLAYED = replayed(
    (0.1, 1, 1, TRUE_POSITIVE, 1, 1),
    (0.2, 1, 1, TRUE_POSITIVE, 0, 1),  # joins the alert
    (0.5, 2, 0, FALSE_POSITIVE, 1, 1),
    (0.6, 3, 0, BENIGN_POSITIVE, 1, 1),
    (1.5, 4, UNKNOWN, NO_VERDICT, 1, 1),
    (2.1, 5, 1, TRUE_POSITIVE, 0, 0),  # missed
    (2.2, 6, 0, FALSE_POSITIVE, 0, 0),
    (3.5, 7, 1, TRUE_POSITIVE, 1, 1),  # after the last day
)


def test_alerts_are_counted_by_day_and_by_what_they_turned_out_to_be() -> None:
    assert by_day(PLAYED, STARTS) == [
        Counts(alerts=3, true=1, benign=1, false=1, unlabelled=0),
        Counts(alerts=1, true=0, benign=0, false=0, unlabelled=1),
        Counts(alerts=0, true=0, benign=0, false=0, unlabelled=0),
    ]


def test_figures_are_of_the_days_alone() -> None:
    found = figures(PLAYED, STARTS, budget=2, seed=7)
    assert found.days == 3
    assert found.counts.alerts == 4
    assert found.alerts_per_day == pytest.approx(4 / 3)
    assert (found.days_over_budget, found.busiest_day) == (1, 3)
    assert found.precision == 0.25  # an alert without a verdict counts as false
    assert found.precision_labelled == pytest.approx(1 / 3)
    assert found.labelled_share == 0.75
    assert found.positives == 3
    assert found.recall == pytest.approx(2 / 3)
    assert (found.incidents, found.incidents_found, found.incidents_share) == (2, 1, 0.5)
    assert found.precision_low is not None
    assert found.precision_low <= 0.25


def test_a_benign_alert_is_benign_whatever_it_counts_as() -> None:
    counted_as_true = replayed((0.1, 1, 1, BENIGN_POSITIVE, 1, 1))
    assert Counts.of(counted_as_true) == Counts(alerts=1, true=0, benign=1, false=0, unlabelled=0)
    assert figures(counted_as_true, STARTS, budget=2, seed=7).precision == 1.0


def test_what_nobody_labelled_and_is_presumed_benign_has_no_verdict() -> None:
    presumed = replayed((0.1, 1, 0, NO_VERDICT, 1, 1))
    assert Counts.of(presumed).unlabelled == 1
    found = figures(presumed, STARTS, budget=2, seed=7)
    assert (found.precision, found.precision_labelled, found.labelled_share) == (0.0, None, 0.0)


def test_without_an_alert_there_is_nothing_to_divide_by() -> None:
    quiet = replayed((0.1, 1, 1, TRUE_POSITIVE, 0, 0))
    found = figures(quiet, STARTS, budget=2, seed=7)
    assert (found.precision, found.precision_low, found.area_under_time) == (None, None, None)
    assert (found.recall, found.incidents_share, found.median_hours_to_alert) == (0.0, 0.0, None)


def test_the_area_under_time_is_the_mean_height_of_its_line() -> None:
    assert area_under_time([1.0, 0.0]) == 0.5
    assert area_under_time([1.0, 0.0, 1.0]) == 0.5
    assert area_under_time([0.2, None, 0.4]) == pytest.approx(0.3)
    assert area_under_time([0.7]) == 0.7
    assert area_under_time([None]) is None
