from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.health import Condition, Figure, HealthDocument, Kind
from scoreback.models.detector.file import parse_detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.monitoring.outcomes import interval
from scoreback.service.monitoring.status import status
from scoreback.service.monitoring.subject import Subject
from scoreback.service.monitoring.upkeep import LEAST_LAG, tolerated_lag

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FILE = """
name: d
events: {local: {stream: alerts}}
entity: host.name
labels: {verdicts: {join: event}}
features: [category: rule.id]
alerts: {budget: 10/day}
"""
CHAMPION = ModelVersion(
    detector="d", version="v1-aa", status="champion", artifact_hash="aa", algorithm="xgboost",
    trained_as_of=T, created_at=T, parent=None, row_hash="bb",
)  # fmt: skip
SUBJECT = Subject(app=cast("App", None), detector=parse_detector(FILE), champion=CHAMPION, now=T)


def said(kind: Kind, subject: str = "", **figures: Figure) -> HealthDocument:
    return SUBJECT.document(kind, figures, subject=subject)


def conditions(*documents: HealthDocument) -> tuple[list[Condition], Mapping[str, Figure]]:
    figures = status(SUBJECT, documents).figures
    return [c for c in Condition if figures[c] == 1], figures


def test_nothing_known_is_nothing_wrong() -> None:
    wrong, figures = conditions()
    assert not wrong
    assert figures["state"] == "ok"
    assert "why" not in figures


@pytest.mark.parametrize(
    ("wrong", "document"),
    [
        (Condition.STALE, said(Kind.FRESHNESS, event_lag=90_000.0, tolerated_lag=86_400.0)),
        (Condition.STALE, said(Kind.FRESHNESS, read_lag=25_000.0, tolerated_lag=86_400.0)),
        (Condition.DRIFTING, said(Kind.SCORES, psi=2.0, why="the scores moved")),
        (Condition.OVER_BUDGET, said(Kind.ALERTS, budget=10.0, share_of_budget=1.6, per_day=16.0)),
        (Condition.OVER_BUDGET, said(Kind.ALERTS, budget=10.0, share_of_budget=1.0, last_day=21)),
        (Condition.FAILING, said(Kind.RUN, "score", failed_in_a_row=3, error="no right")),
        (Condition.FAILING, said(Kind.REFUSED, last_day=1)),
        (
            Condition.FAILING,
            said(Kind.PRECISION, labelled=20, realised=0.2, realised_high=0.3, promised_low=0.4),
        ),
    ],
)
def test_each_trouble_is_said_with_its_reason(wrong: Condition, document: HealthDocument) -> None:
    found, figures = conditions(document)
    assert found == [wrong]
    assert figures["why"]
    assert figures["state"] == ("failing" if wrong is Condition.FAILING else "attention")


def test_alerts_without_verdicts_starve_a_detector_once_they_have_waited_for_a_week() -> None:
    unjudged = said(Kind.PRECISION, alerts=20, labelled=1, labelled_share=0.05)
    young, old = (said(Kind.LABELS, oldest_open=days * 86_400.0) for days in (6, 8))
    assert conditions(unjudged, young)[0] == []
    assert conditions(unjudged, old)[0] == [Condition.STARVED]


@pytest.mark.parametrize(
    "document",
    [
        said(Kind.FRESHNESS, event_lag=80_000.0, read_lag=300.0, tolerated_lag=86_400.0),
        said(Kind.PRECISION, alerts=19, labelled=0, labelled_share=0.0),
        said(Kind.PRECISION, alerts=40, labelled=19, labelled_share=0.5, realised=0.1,
             realised_high=0.2, promised_low=0.4),
        said(Kind.ALERTS, budget=10.0, share_of_budget=1.2, per_day=12.0, last_day=20),
        said(Kind.RUN, "train", failed_in_a_row=2),
        said(Kind.SCORES, psi=0.3, at_home=1.0),
    ],
)  # fmt: skip
def test_what_may_be_chance_is_not_said(document: HealthDocument) -> None:
    assert conditions(document)[0] == []


def test_a_budget_of_nothing_is_overrun_by_one_alert() -> None:
    assert conditions(said(Kind.ALERTS, budget=0.0, last_day=1))[0] == [Condition.OVER_BUDGET]
    assert conditions(said(Kind.ALERTS, budget=0.0, last_day=0))[0] == []


@given(judged=st.integers(1, 500), share=st.floats(0, 1))
def test_the_interval_holds_the_share_and_lies_within_0_and_1(judged: int, share: float) -> None:
    true = round(judged * share)
    low, high = interval(true, judged)
    assert 0 <= low <= true / judged + 1e-12
    assert true / judged - 1e-12 <= high <= 1


def test_without_a_verdict_anything_is_possible() -> None:
    assert interval(0, 0) == (0.0, 1.0)


def test_a_source_that_never_rests_is_stale_after_hours() -> None:
    assert tolerated_lag([T + n * HOUR for n in range(100)]) == LEAST_LAG


def test_a_source_that_rests_at_weekends_is_not_stale_on_sunday() -> None:
    worked = [T + n * HOUR for n in range(24 * 30) if n // 24 % 7 < 5 and 8 <= n % 24 < 18]
    assert tolerated_lag(worked) > 62 * HOUR


def test_one_long_silence_does_not_make_the_next_one_usual() -> None:
    before = [T + n * HOUR for n in range(48)]
    after = [T + 20 * DAY + n * HOUR for n in range(48)]
    assert tolerated_lag([*before, *after]) == LEAST_LAG
    assert tolerated_lag(before[:2]) == DAY  # too little is known
