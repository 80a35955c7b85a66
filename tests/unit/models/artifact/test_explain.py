"""Reasons in an analyst's words, adding up to the score."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.artifact.explain import Value, in_words, reasons_of, usual_values
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.learners.model import PATH, SHAPLEY
from scoreback.models.training.training import Training


def event(kind: str, field: str = "f", **keys: str) -> EventFeature:
    return EventFeature.model_validate({"kind": kind, "field": field, "name": "n", **keys})


def window(
    kind: str, field: str | None = None, by: tuple[str, ...] = ("source.ip",)
) -> WindowFeature:
    return WindowFeature.model_validate(
        {"kind": kind, "field": field, "by": by, "over": "1h", "name": "n"}
    )


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        (window("distinct", "destination.port"), 7.0,
         "7 different destination.port of the same source.ip within 1h"),
        (window("count", by=("source.ip", "rule.id")), 12.0,
         "12 events of the same source.ip and rule.id within 1h"),
        (window("sum", "network.bytes"), 1234.5,
         "sum of network.bytes of the same source.ip within 1h is 1234"),
        (window("mean", "bytes"), None,
         "mean of bytes of the same source.ip within 1h is missing"),
        (window("rarity", "rule.id"), 6.644,
         "rule.id is that of at most 1 in 100 earlier events of the same source.ip within 1h"),
        (window("rarity", "rule.id"), 0.0,
         "rule.id is that of nearly every earlier event of the same source.ip within 1h"),
        (window("since_last"), 30.0, "30 s since the event before of the same source.ip"),
        (window("since_last"), 5400.0, "1.5 h since the event before of the same source.ip"),
        (window("since_last"), None, "no earlier event of the same source.ip within 1h"),
        (event("category", "rule.id"), "2024-01", "rule.id is 2024-01"),
        (event("category", "rule.id"), None, "rule.id is missing"),
        (event("number", "destination.port"), 443.0, "destination.port is 443"),
        (event("number"), 1e300, "f is 1e+300"),
        (event("length", "url.path"), 71.0, "url.path is 71 characters long"),
        (event("entropy", "dns.question.name"), 4.123, "entropy of dns.question.name is 4.1"),
        (event("digits", "host.name"), 3.0, "3 digits in host.name"),
        (event("matches", "url.path", pattern=r"\.php$"), 1.0, r"url.path matches \.php$"),
        (event("matches", "url.path", pattern=r"\.php$"), 0.0, r"url.path does not match \.php$"),
        (event("ratio", "a", divisor="b"), 0.25, "a / b is 0.25"),
        (event("ratio", "a", divisor="b"), None, "a / b is missing"),
        (event("number", "bytes", take="max"), 5.0, "max of bytes is 5"),
        (event("ratio", "a", divisor="b", take="sum"), 0.25, "sum of a / sum of b is 0.25"),
        (event("hour_of_day", "event_time"), 3.0, "hour of event_time is 3 UTC"),
        (event("day_of_week", "event_time"), 7.0, "day of event_time is Sunday"),
        (event("is_private_ip", "source.ip"), 1.0, "source.ip is a private address"),
        (event("is_private_ip", "source.ip"), 0.0, "source.ip is a public address"),
        (event("is_private_ip", "source.ip"), None, "source.ip is missing or unreadable"),
    ],
)  # fmt: skip
def test_a_reason_reads_as_an_analyst_would_say_it(
    feature: EventFeature | WindowFeature, value: Value, expected: str
) -> None:
    assert in_words(feature, value) == expected


FEATURES = (event("number"), event("number").model_copy(update={"name": "m"}),
            *(event("number").model_copy(update={"name": f"x{i}"}) for i in range(3)))  # fmt: skip


@given(st.lists(st.floats(-8, 8), min_size=6, max_size=6))
def test_base_reasons_and_rest_add_up_to_the_log_odds(shares: list[float]) -> None:
    rows = pa.table({f.name: [1.0] for f in FEATURES})
    contributions = np.array([shares])
    margins = contributions.sum(axis=1)
    items = json.loads(reasons_of(FEATURES, rows, contributions, margins, PATH)[0])
    told = sum(item["contribution"] for item in items[:-1])
    assert told + items[-1]["base"] + items[-1]["rest"] == pytest.approx(margins[0], abs=1e-6)
    assert len(items) <= 4
    assert items[-1]["by"] == "path contributions"
    given_shares = [item["contribution"] for item in items[:-1]]
    assert given_shares == sorted(given_shares, reverse=True)
    assert all(share > 0 for share in given_shares)


def test_a_value_that_json_cannot_hold_or_nobody_could_read_is_cut() -> None:
    features = (event("category"), event("number").model_copy(update={"name": "m"}))
    rows = pa.table({"n": ["x" * 1_000_000], "m": [float("inf")]})
    contributions = np.array([[1.0, 0.5, 0.0]])
    items: list[dict[str, Any]] = json.loads(
        reasons_of(features, rows, contributions, np.array([1.5]), SHAPLEY)[0]
    )
    assert len(items[0]["value"]) < 300
    assert (items[1]["value"], items[1]["text"]) == (None, "f is missing")


@pytest.mark.parametrize(
    ("feature", "value", "usual", "expected"),
    [
        (window("count"), 12.0, 2.0, "12 events of the same source.ip within 1h (usually 2)"),
        (window("distinct", "user.name"), 5.0, 1.0,
         "5 different user.name of the same source.ip within 1h (usually 1)"),
        (window("rarity", "a", ("b",)), 5.322, 1.0,
         "a is that of at most 1 in 40 earlier events of the same b within 1h (usually at most 1 in 2)"),  # noqa: E501
        (window("since_last"), 172_800.0, 90.0,
         "2 d since the event before of the same source.ip (usually 1.5 min)"),
        (window("since_last"), None, 90.0, "no earlier event of the same source.ip within 1h"),
        (event("number"), 5.0, 1.0, "f is 5"),
    ],
)  # fmt: skip
def test_a_number_of_a_window_stands_beside_what_is_usual(
    feature: EventFeature | WindowFeature, value: Value, usual: float, expected: str
) -> None:
    assert in_words(feature, value, usual) == expected


def test_what_is_usual_is_the_median_of_what_the_model_learnt_from(
    training: Training, rows: pa.Table
) -> None:
    reference = training.artifact.reference
    assert reference is not None
    usual = usual_values(training.artifact.features, reference)
    windows = [f.name for f in training.artifact.features if isinstance(f, WindowFeature)]
    assert windows
    for name in windows:
        known = np.asarray(rows[name].drop_null())
        assert usual[name] <= np.median(known) <= np.quantile(known, 0.62)


def test_reasons_of_alerts_name_what_was_planted(training: Training, rows: pa.Table) -> None:
    scorer = Scorer(training.artifact)
    scores = scorer.score(rows)
    hits = scores.scores >= training.artifact.manifest.threshold
    alerts = rows.filter(pa.array(hits))
    reasons = [json.loads(text) for text in scorer.reasons(alerts)]
    assert len(reasons) == alerts.num_rows > 0
    for items, margin in zip(reasons, scores.margins[hits], strict=True):
        told = sum(item["contribution"] for item in items[:-1])
        assert told + items[-1]["base"] + items[-1]["rest"] == pytest.approx(margin, abs=1e-6)
    named = [item["feature"] for items in reasons for item in items[:-1]]
    assert named.count("entropy") > named.count("count")
