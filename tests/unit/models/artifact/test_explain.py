"""Reasons in an analyst's words, adding up to the score."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.artifact.amounts import share
from scoreback.models.artifact.explain import reasons_of
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.artifact.window_words import Beside
from scoreback.models.artifact.words import Value, in_words
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import EventFeature, WindowFeature
from scoreback.models.judging.norms import (
    Norm,
    Norms,
    Seen,
    band_of,
    bands_of,
    digest,
    norms_of,
)
from scoreback.models.labels.truths import UNKNOWN
from scoreback.models.learners.model import PATH, SHAPLEY
from scoreback.models.learners.spoken import LONGEST, spoken
from scoreback.models.learners.text_hashing import BUCKETS
from scoreback.models.learners.texts import TextModel, fit_text
from scoreback.models.training.training import Training
from scoreback.multivalue import cell


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
         "7 different destination ports of the same source.ip within an hour"),
        (window("count", by=("source.ip", "rule.id")), 12.0,
         "12 events of the same source.ip and rule.id within an hour"),
        (window("sum", "network.bytes"), 1234.5,
         "network.bytes of the same source.ip within an hour adds up to 1234"),
        (window("mean", "bytes"), None,
         "mean of bytes of the same source.ip within an hour is missing"),
        (window("rarity", "rule.id"), 6.644,
         "this rule of the same source.ip: at most 1 in 100 of its events in an hour"),
        (window("rarity", "rule.id"), 0.0,
         "this rule of the same source.ip: most of its events in an hour"),
        (window("since_last"), 30.0, "30 seconds since the event before of the same source.ip"),
        (window("since_last"), 5400.0, "1.5 hours since the event before of the same source.ip"),
        (window("since_last"), None, "no earlier event of the same source.ip within an hour"),
        (event("category", "rule.id"), "2024-01", "rule.id is 2024-01"),
        (event("category", "rule.id"), None, "rule.id is missing"),
        (event("number", "destination.port"), 443.0, "destination.port is 443"),
        (event("number"), 1e300, "f is 1e+300"),
        (event("length", "url.path"), 71.0, "url.path is 71 characters long"),
        (event("entropy", "dns.question.name"), 4.123, "randomness of dns.question.name is 4.1"),
        (event("digits", "host.name"), 3.0, "3 digits in host.name"),
        (event("matches", "url.path", pattern=r"\.php$"), 1.0, r"url.path matches \.php$"),
        (event("matches", "url.path", pattern=r"\.php$"), 0.0, r"url.path does not match \.php$"),
        (event("ratio", "a", divisor="b"), 0.25, "a / b is 0.25"),
        (event("ratio", "a", divisor="b"), None, "a / b is missing"),
        (event("number", "bytes", take="max"), 5.0, "max of bytes is 5"),
        (event("ratio", "a", divisor="b", take="sum"), 0.25, "sum of a / sum of b is 0.25"),
        (event("hour_of_day", "event_time"), 3.0, "at a time between 03:00 and 04:00 UTC"),
        (event("day_of_week", "event_time"), 7.0, "on a Sunday"),
        (event("is_private_ip", "source.ip"), 1.0, "source.ip is a private address"),
        (event("is_private_ip", "source.ip"), 0.0, "source.ip is a public address"),
        (event("is_private_ip", "source.ip"), None, "source.ip is missing or unreadable"),
    ],
)  # fmt: skip
def test_a_reason_reads_as_an_analyst_would_say_it(
    feature: EventFeature | WindowFeature, value: Value, expected: str
) -> None:
    assert in_words(feature, value) == expected


HOST = {"host.name": "ws-016"}


@pytest.mark.parametrize(
    ("feature", "value", "beside", "expected"),
    [
        (window("rarity", "rule.id", ("host.name",)), math.log2(121 / 4),
         Beside(HOST | {"rule.id": "R-440"}, 3.0),
         "rule R-440 on ws-016: 3 times in an hour, 1 in 40 of its events"),
        (window("rarity", "rule.id", ("host.name",)), math.log2(121),
         Beside(HOST | {"rule.id": "R-440"}, 0.0),
         "rule R-440 on ws-016: never before in an hour, in none of its 120 events"),
        (window("rarity", "rule.id", ("host.name",)), 0.0,
         Beside(HOST | {"rule.id": "R-440"}, 0.0),
         "rule R-440 on ws-016: the first of its events in an hour"),
        (window("rarity", "rule.id", ("host.name",)), 0.0,
         Beside(HOST | {"rule.id": "R-440"}, 4.0),
         "rule R-440 on ws-016: 4 times in an hour, all of its events"),
        (window("rarity", "user.name", ("host.name",)), 1.0,
         Beside(HOST | {"user.name": str(cell(["eve", "bob"]))}, 0.0),
         "user (the rarest of eve, bob) on ws-016: never before in an hour"),
        (window("rarity", "x.y", ("host.name",)), 5.322, Beside(HOST | {"x.y": "7"}),
         "x.y 7 on ws-016: at most 1 in 40 of its events in an hour"),
        (window("count", by=("host.name", "rule.id")), 3.0, Beside(HOST | {"rule.id": "R-440"}),
         "rule R-440 on ws-016: 3 times within an hour"),
        (window("count", by=("rule.id",)), 1.0, Beside({"rule.id": "R-440"}),
         "rule R-440: once within an hour"),
        (window("count", by=("source.ip", "destination.ip")), 12.0,
         Beside({"source.ip": "10.0.0.1", "destination.ip": "10.0.0.2"}),
         "12 events from 10.0.0.1 to 10.0.0.2 within an hour"),
        (window("count", by=("host.name", "rule.id")), 3.0, Beside(HOST),
         "3 events of the same host.name and rule.id within an hour"),
        (window("distinct", "user.name", ("host.name",)), 5.0, Beside(HOST),
         "5 different users on ws-016 within an hour"),
        (window("distinct", "user.name", ("host.name",)), 1.0, Beside(HOST),
         "1 user on ws-016 within an hour"),
        (window("distinct", "x.y", ("user.name",)), 5.0, Beside({"user.name": "eve"}),
         "5 different values of x.y by eve within an hour"),
        (window("distinct", "user.name", ("rule.id",)), 5.0, Beside({"rule.id": "R-440"}),
         "5 different users for rule R-440 within an hour"),
        (window("sum", "network.bytes"), 1234.5, Beside({"source.ip": "10.0.0.1"}),
         "network.bytes from 10.0.0.1 within an hour adds up to 1234"),
        (window("since_last", by=("host.name",)), 60.0, Beside(HOST),
         "1 minute since the event before on ws-016"),
    ],
)  # fmt: skip
def test_a_reason_of_a_window_names_what_the_events_share(
    feature: WindowFeature, value: float, beside: Beside, expected: str
) -> None:
    assert in_words(feature, value, beside=beside) == expected


def test_what_a_row_carries_beside_its_features_is_named() -> None:
    features = (
        window("rarity", "rule.id", ("host.name",)),
        event("category", "rule.id").model_copy(update={"name": "rule"}),
    )
    rows = pa.table(
        {"field:host.name": ["ws-016"], "times:n": [3.0], "n": [math.log2(121 / 4)], "rule": ["R"]}
    )
    shares, log_odds = np.array([[1.0, -0.5, 0.0]]), np.array([0.5])
    items = json.loads(reasons_of(features, rows, shares, log_odds, SHAPLEY)[0])
    assert items[0]["text"] == "rule R on ws-016: 3 times in an hour, 1 in 40 of its events"
    assert items[0]["value"] == pytest.approx(4.92, abs=0.01)  # the number stays in the JSON


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
    assert items[0]["text"].endswith("x...")
    assert "text" not in items[1]  # an infinite number is missing, and nobody knows how usual


_ROWS = 1000


def norm(
    missing: int = 0,
    low: float | None = None,
    middle: float | None = None,
    high: float | None = None,
    values: Mapping[str, Seen] = MappingProxyType({}),
    *,
    whole: bool = False,
) -> Norm:
    return Norm(
        rows=_ROWS, missing=missing, low=low, middle=middle, high=high, values=values, whole=whole
    )


def norms(one: Norm, name: str = "n") -> Norms:
    return Norms(unit="events", presumed=False, labelled=600, positives=2, features={name: one})


def middle(usual: float) -> Norm:
    return norm(low=usual, middle=usual, high=usual)


def values(**seen: tuple[int, int, int]) -> Norm:
    named = {v.removeprefix("_") if v[0] == "_" else digest(v): n for v, n in seen.items()}
    return norm(values={name: Seen(*n) for name, n in named.items()}, whole=True)


@pytest.mark.parametrize(
    ("feature", "value", "usual", "expected"),
    [
        (window("count"), 12.0, middle(2.0),
         "12 events of the same source.ip within an hour (usually 2)"),
        (window("distinct", "user.name"), 5.0, middle(1.0),
         "5 different users of the same source.ip within an hour (usually 1)"),
        (window("rarity", "a", ("b",)), 5.322, middle(1.0),
         "this a of the same b: at most 1 in 40 of its events in an hour (usually at most 1 in 2)"),
        (window("since_last"), 172_800.0, middle(90.0),
         "2 days since the event before of the same source.ip (usually 1.5 minutes)"),
        (window("since_last"), None, norm(missing=50),
         "no earlier event of the same source.ip within an hour (as in 1 in 20 events of training)"),  # noqa: E501
        (event("number"), 5.0, middle(1.0), "f is 5 (usually 1)"),
        (event("number"), 5.0, norm(low=1.0, middle=2.0, high=3.5), "f is 5 (usually 1 to 3.5)"),
        (event("number"), None, norm(missing=5),
         "f is missing (as in 1 in 200 events of training)"),
        (event("length", "args"), 412.0, norm(low=20.0, middle=29.0, high=60.0),
         "args is 412 characters long (usually 20 to 60)"),
        (event("entropy", "q"), 4.123, norm(low=2.0, middle=2.5, high=3.14),
         "randomness of q is 4.1 (usually 2.0 to 3.1)"),
        (event("digits", "q"), 9.0, norm(low=0.0, middle=0.0, high=2.0),
         "9 digits in q (usually 0 to 2)"),
        (event("category", "rule.id"), "R-440", values(**{"R-440": (100, 80, 2)}),
         "rule.id is R-440: 1 in 40 of its labelled events was true (of all, 1 in 300)"),
        (event("category", "rule.id"), "R-440", values(**{"R-440": (100, 80, 56)}),
         "rule.id is R-440: 7 in 10 of its labelled events were true (of all, 1 in 300)"),
        (event("category", "rule.id"), "R-440", values(**{"R-440": (5, 5, 3)}),
         "rule.id is R-440 (as in 1 in 200 events of training)"),
        (event("category", "rule.id"), "R-441", values(**{"R-440": (5, 5, 3)}),
         "rule.id is R-441, a value never seen in training"),
        (event("category", "rule.id"), "R-441",
         norm(values={digest("R-440"): Seen(5, 5, 3)}), "rule.id is R-441, a rare value"),
        (event("hour_of_day", "event_time"), 3.0, values(_3=(5, 5, 3)),
         "at a time between 03:00 and 04:00 UTC, when 1 in 200 events happen"),
        (event("hour_of_day", "event_time"), 23.0, values(_3=(5, 5, 3)),
         "at a time between 23:00 and 00:00 UTC, when no event of training happened"),
        (event("hour_of_day", "file.created"), 3.0, values(_3=(5, 5, 3)),
         "file.created lies between 03:00 and 04:00 UTC (as in 1 in 200 events of training)"),
        (event("day_of_week", "event_time"), 7.0, values(_7=(50, 5, 3)),
         "on a Sunday, when 1 in 20 events happen"),
        (event("matches", "p", pattern="x"), 0.0, values(_0=(50, 5, 3)),
         "p does not match x (as in 1 in 20 events of training)"),
        (event("is_private_ip", "source.ip"), 0.0, values(_0=(50, 5, 3), _1=(950, 9, 0)),
         "source.ip is a public address (as in 1 in 20 events of training)"),
    ],
)  # fmt: skip
def test_a_value_stands_beside_what_is_usual(
    feature: EventFeature | WindowFeature, value: Value, usual: Norm, expected: str
) -> None:
    assert in_words(feature, value, norms(usual)) == expected


USUAL = ", which alone is usual"
TWICE = {"1.0..1.0": Seen(400, 200, 0), "2.0..2.0": Seen(500, 90, 10), "3.0..7.0": Seen(100, 5, 1)}


@pytest.mark.parametrize(
    ("feature", "value", "usual", "expected"),
    [
        (window("distinct", "rule.id"), 2.0, norm(low=1.0, middle=2.0, high=3.0, values=TWICE),
         "2 different rules of the same source.ip within an hour: 1 in 9 of the labelled events with 2 was true (of all, 1 in 300)"),  # noqa: E501
        (window("distinct", "rule.id"), 2.0, middle(2.0),
         f"2 different rules of the same source.ip within an hour{USUAL}"),
        (window("distinct", "rule.id"), 1.0, norm(low=1.0, middle=1.0, high=3.0, values=TWICE),
         f"1 rule of the same source.ip within an hour{USUAL}"),
        (window("rarity", "a", ("b",)), 1.0, middle(1.0),
         f"this a of the same b: at most 1 in 2 of its events in an hour{USUAL}"),
        (window("since_last"), 91.0, middle(90.0),
         f"1.5 minutes since the event before of the same source.ip{USUAL}"),
        (event("number"), 2.0, norm(low=1.0, middle=1.0, high=3.0, values=TWICE),
         "f is 2: 1 in 9 of the labelled events with 2 was true (of all, 1 in 300)"),
        (event("number"), 5.0, norm(low=1.0, middle=1.0, high=6.0, values=TWICE), f"f is 5{USUAL}"),
        (event("entropy", "q"), 1.96, norm(low=2.01, middle=2.5, high=3.1),
         f"randomness of q is 2.0{USUAL}"),
        (event("number"), None, norm(missing=500), f"f is missing{USUAL}"),
        (event("category", "rule.id"), "R", values(R=(600, 400, 1)), f"rule.id is R{USUAL}"),
        (event("category", "rule.id"), "R", values(R=(90, 90, 0)),
         "rule.id is R (as in 1 in 11 events of training)"),
        (event("is_private_ip", "source.ip"), 1.0, values(_0=(50, 5, 3), _1=(950, 9, 0)),
         f"source.ip is a private address{USUAL}"),
        (event("is_private_ip", "source.ip"), 1.0, values(_0=(50, 5, 0), _1=(950, 90, 10)),
         "source.ip is a private address: 1 in 9 of such labelled events was true (of all, 1 in 300)"),  # noqa: E501
        (event("hour_of_day", "event_time"), 9.0, values(_9=(80, 5, 0)),
         f"at a time between 09:00 and 10:00 UTC{USUAL}"),
        (event("hour_of_day", "event_time"), 9.0, values(_9=(80, 30, 1)),
         "at a time between 09:00 and 10:00 UTC: 1 in 30 of the labelled events of that hour was true (of all, 1 in 300)"),  # noqa: E501
    ],
)  # fmt: skip
def test_a_usual_value_is_told_by_how_often_such_events_were_true(
    feature: EventFeature | WindowFeature, value: Value, usual: Norm, expected: str
) -> None:
    assert in_words(feature, value, norms(usual)) == expected


def test_what_alone_is_usual_is_a_reason_only_where_there_is_no_other() -> None:
    features = (event("number"), event("number", "g").model_copy(update={"name": "m"}))
    usual = norms(middle(1.0))
    for m, told in ((5.0, ["g is 5"]), (None, [f"f is 1{USUAL}"])):
        rows = pa.table({"n": [1.0], "m": pa.array([m], pa.float64())})
        shares, log_odds = np.array([[1.0, 0.5, 0.25]]), np.array([1.75])
        items = json.loads(reasons_of(features, rows, shares, log_odds, SHAPLEY, usual)[0])
        assert [item["text"] for item in items[:-1]] == told
        whole = sum(item["contribution"] for item in items[:-1])
        assert whole + items[-1]["base"] + items[-1]["rest"] == pytest.approx(1.75)


ONE_NUMBER = parse_detector(
    "name: one\nevents: {local: {stream: s}}\nentity: host\nalerts: {budget: 5/day}\n"
    "labels: {field: {name: v, positive: [bad], negative: [ok]}}\nfeatures: [{number: n}]\n",
    "one.yml",
)


@given(
    numbers=st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80),
    truth=st.data(),
)
def test_every_number_of_training_lies_in_one_band(
    numbers: list[float], truth: st.DataObject
) -> None:
    known = st.lists(st.integers(-1, 1), min_size=len(numbers), max_size=len(numbers))
    truths = np.array(truth.draw(known), dtype=np.int8)
    truths[truths < 0] = UNKNOWN
    found = norms_of(ONE_NUMBER, pa.table({"n": numbers}), truths).features["n"]
    bands = bands_of(found)
    assert sum(band.seen.rows for band in bands) == len(numbers)
    assert sum(band.seen.positives for band in bands) == (truths == 1).sum()
    assert sum(band.seen.labelled for band in bands) == (truths != UNKNOWN).sum()
    assert all(one.high < other.low for one, other in pairwise(bands))
    for number in numbers:
        band = band_of(found, number)
        assert band is not None
        assert band.low <= number <= band.high


def test_of_presumed_truth_no_label_is_claimed() -> None:
    seen = replace(norms(values(R=(100, 80, 2))), presumed=True, unit="units")
    told = in_words(event("category"), "R", seen)
    assert told == "f is R: 1 in 40 of its units was true (of all, 1 in 300)"


@given(whole=st.integers(1, 10**7), data=st.data())
def test_a_share_in_words_is_near_the_share(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    told = share(part, whole)
    plain = {"none": 0.0, "all": 1.0, "nearly all": 1.0}
    if told in plain:
        assert part / whole == pytest.approx(plain[told], abs=0.05)
        assert (told == "none") == (part == 0)
        assert (told == "all") == (part == whole)
    else:
        one, many = (int(n.replace(",", "")) for n in told.split(" in "))
        assert one / many == pytest.approx(part / whole, rel=0.17)


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        (event("number"), None),
        (window("since_last"), None),
        (window("count"), 0.0),
        (event("matches", pattern="x"), 0.0),
        (event("digits"), 0.0),
    ],
)
def test_that_nothing_happened_is_no_reason_where_nobody_knows_what_is_usual(
    feature: EventFeature | WindowFeature, value: Value
) -> None:
    rows = pa.table({"n": pa.array([value], pa.float64()), "m": [1.0]})
    features = (feature, event("number", "g").model_copy(update={"name": "m"}))
    shares, log_odds = np.array([[1.0, 0.5, 0.0]]), np.array([1.5])
    items = json.loads(reasons_of(features, rows, shares, log_odds, SHAPLEY)[0])
    assert [item.get("text") for item in items] == ["g is 1", None]
    assert items[-1]["rest"] == 1.0
    usual = norm(missing=1, low=1.0, middle=1.0, high=2.0, values={"1": Seen(9, 9, 1)})
    items = json.loads(reasons_of(features, rows, shares, log_odds, SHAPLEY, norms(usual))[0])
    assert "usually" in items[0]["text"] or "as in" in items[0]["text"]


def test_a_text_is_told_by_the_words_that_spoke() -> None:
    draw = np.random.default_rng(3)
    plain = [f"svchost.exe -k netsvcs{i} -p" for i in draw.integers(0, 400, 300).tolist()]
    bad = [f"PowerShell -Enc JABz{i} -w hidden" for i in draw.integers(0, 400, 40).tolist()]
    texts = pa.array(plain + bad)
    model = fit_text(texts, np.repeat(np.array([0, 1], dtype=np.int8), [300, 40]))
    told = in_words(event("ngrams", "args"), "svchost.exe POWERSHELL  -p", None, model)
    assert told == 'args holds "POWERSHELL"'
    assert in_words(event("ngrams", "args"), "svchost.exe -p", None, model).startswith(
        "args reads like"
    )


@given(text=st.text(min_size=1, max_size=300))
def test_whatever_a_text_holds_its_words_are_part_of_it(text: str) -> None:
    model = TextModel(0.0, dict.fromkeys(range(0, BUCKETS, 7), 1.0))
    lowered = " ".join(text.lower().split())
    for word in spoken(model, text):
        assert len(word) <= 2 + LONGEST
        assert " ".join(word.strip("…").lower().split()) in lowered


def test_what_is_usual_is_counted_in_what_the_model_learnt_from(
    training: Training, rows: pa.Table
) -> None:
    found = training.artifact.norms
    assert found is not None
    numbers = [f.name for f in training.artifact.features if isinstance(f, WindowFeature)]
    assert numbers
    for name in numbers:
        known = np.asarray(rows[name].drop_null())
        assert found.features[name].middle == np.quantile(known, 0.5, method="inverted_cdf")
        assert found.features[name].rows == rows.num_rows


def test_what_an_artefact_of_before_knows_of_what_is_usual_is_medians(training: Training) -> None:
    old = replace(training.artifact, norms=None)
    assert old.usual is not None
    for feature in old.features:
        if isinstance(feature, WindowFeature):
            assert old.usual.features[feature.name].middle is not None
    assert replace(old, reference=None).usual is None


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
