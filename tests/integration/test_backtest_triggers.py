"""A backtest trains when `serve` would have: by drift, and by what came of alerts until then."""

import itertools
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import EventBatch
from scoreback.service.app import opened
from scoreback.service.backtesting.backtest import Account, Wish, backtest
from scoreback.service.monitoring.retraining import training_due
from scoreback.service.scoring.champions import score_live
from scoreback.service.settings import Settings
from tests.integration.alike import DAY, END, HOUR, TRAINED, text_of
from tests.integration.embedded import siem_of
from tests.integration.test_retraining import later, set_to

LOOK = timedelta(minutes=15)  # past each hour
LAST = END + 4 * DAY
SINCE, WEEKS = TRAINED, timedelta(days=30)


def detector(when: str) -> Detector:
    trains = "train: {algorithms: [xgboost], trials: 0"
    return parse_detector(text_of("plain").replace(trains, f"{trains}, when: {when}"))


def replayed(home: Path, when: str) -> Account:
    with opened(Settings(home=home)) as app:
        wish = Wish(since=SINCE, until=LAST, every=WEEKS)
        return backtest(app, detector(when), wish, now=LAST)


@pytest.fixture
def drifting(home: Path) -> Path:
    """What is scored from `END` on is spread three times as wide as in training."""
    with opened(Settings(home=home)) as app:
        siem_of(app).intake.add_events("alerts", later())
    return home


def test_drift_trains_at_the_look_at_which_serve_does(drifting: Path) -> None:
    asks = detector("{drift: 0.25}")
    found = replayed(drifting, "{drift: 0.25}")["versions"]
    assert next(one["as_of"] for one in found) == TRAINED
    with opened(Settings(home=drifting)) as app:
        due, at = None, TRAINED
        while due is None or due.waits:
            at += HOUR
            score_live(app, asks, now=at + asks.lag)  # all of the hour that has passed
            score_live(app, asks, now=at + LOOK)
            due = training_due(app, asks, now=at + LOOK)
            assert at < LAST
    assert found[1]["as_of"] == at + LOOK
    assert found[1]["because"] == due.because
    assert found[1]["because"].startswith("score drift ")
    assert found[1]["algorithm"]
    gaps = [b["as_of"] - a["as_of"] for a, b in itertools.pairwise(found)]
    assert min(gaps) >= timedelta(days=3)


def test_without_drift_nothing_is_trained_between(home: Path) -> None:
    found = replayed(home, "{drift: 90, precision_drop: 0.9}")
    assert [one["because"] for one in found["versions"]] == ["the replay began"]


def test_alerts_that_turn_out_false_train_once_enough_are_known_to_be(home: Path) -> None:
    with opened(Settings(home=home)) as app:
        events = pa.Table.from_batches([later().batch])
        harmless = set_to(events, "outcome", pa.array(["good"] * events.num_rows))
        siem_of(app).intake.add_events("alerts", EventBatch(harmless.to_batches()[0]))
    found = replayed(home, "{precision_drop: 0.2}")["versions"]
    assert len(found) == 2
    assert found[1]["because"].startswith("precision 0.")
    assert "is over 0.2 below the promised 0." in found[1]["because"]
    # What came of an alert is asked a day later: `mature_after`.
    assert END + DAY < found[1]["as_of"] < END + 2 * DAY
