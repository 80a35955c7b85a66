"""Weights by the chance of being shown: tried both ways, used where they help, said either way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from scoreback.errors import ConfigError, TrainingRefused
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.selection import CAP
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Lesson
from scoreback.models.learners.ranking import average_precision
from scoreback.models.training.training import Training, train
from scoreback.records import LABEL_COLUMNS, TIME

History = tuple[pa.Table, pa.Table, datetime]
MakeHistory = Callable[..., History]
MakeDetector = Callable[..., Detector]
T = datetime(2026, 3, 1, tzinfo=UTC)
DAYS, EVENTS = 30, 6000
DRAWN = 0.1  # chance of a unit that raised no alert


def selected(*, seed: int = 1, since: int = 0, chance: float = DRAWN) -> History:
    """Alerts are what is large; the rest, where attacks look otherwise, is drawn from.

    Among what is large high entropy is harmless; elsewhere it is an attack. A line cannot tell
    both: it learns of what it is shown most.
    """
    draw = np.random.default_rng(seed)
    begin = int(T.timestamp() * 1e6)
    times = np.sort(draw.integers(0, DAYS * 86_400_000_000, EVENTS)) + begin
    volume, entropy = draw.normal(size=EVENTS), draw.normal(size=EVENTS)
    large = volume > 0.7
    odds = np.where(large, -2.0 * entropy - 3.0, 3.0 * entropy - 2.5)
    true = draw.random(EVENTS) < 1 / (1 + np.exp(-odds))
    young = times < begin + since * 86_400_000_000
    drawn = ~large & ~young & (draw.random(EVENTS) < chance)
    seen = np.flatnonzero(large | drawn)
    ids = [f"e{i:05}" for i in range(EVENTS)]
    rows = pa.table(
        {
            "event_id": ids,
            "event_time": pa.array(times).cast(TIME),
            "arrival_time": pa.array(times + 1_000_000).cast(TIME),
            "entity": [f"host{i}" for i in draw.integers(0, 300, EVENTS)],
            "network.bytes": volume,
            "entropy": entropy,
        }
    )
    labels = pa.Table.from_pylist(
        [
            {
                "event_id": ids[i],
                "verdict": "true_positive" if true[i] else "false_positive",
                "label_time": int(times[i]) + 3_600_000_000, "labeller": "ann",
                "source": "verdict", "propensity": 1.0 if large[i] else chance,
                "alert_id": f"a{i}", "rule": "lab" if large[i] else "lab.audit",
                "withdrawn": False,
            }
            for i in seen
        ],
        schema=LABEL_COLUMNS,
    )  # fmt: skip
    return rows, labels, T + timedelta(days=DAYS)


@pytest.fixture
def detector(make_detector: MakeDetector) -> Callable[..., Detector]:
    def made(**train: object) -> Detector:
        return make_detector(
            features=[
                {"kind": "number", "field": "network.bytes", "name": "network.bytes"},
                {"kind": "entropy", "field": "dns.question.name", "name": "entropy"},
            ],
            train={"algorithms": ["logistic_regression"], "accept": {"equal_to_rule": True}}
            | train,
            alerts={"budget": "20/day"},
        )

    return made


def trained(detector: Detector, history: History) -> Training:
    rows, labels, as_of = history
    return train(detector, rows, labels, as_of)


def test_weights_are_used_where_they_surely_rank_later_days_better(
    detector: Callable[..., Detector],
) -> None:
    history = selected()
    found = trained(detector(), history)
    weighing = found.weighing
    assert weighing is not None
    assert weighing.used, weighing.in_words
    assert weighing.weighted is not None
    assert weighing.unweighted is not None
    assert weighing.weighted > weighing.unweighted
    assert weighing.why.startswith("better on later days (")
    assert 0 < weighing.drawn < weighing.rows == found.counts["fit_rows"]
    assert weighing.effective_rows < weighing.rows
    assert found.artifact.manifest.metrics["effective_fit_rows"] == weighing.effective_rows
    assert weighing.in_words.endswith(" of equal weight")
    with pytest.raises(TrainingRefused, match="not told apart from chance"):
        trained(detector(propensity="off"), history)
    asked = trained(detector(propensity="on"), history)
    assert asked.artifact.manifest.model.sha256 == found.artifact.manifest.model.sha256
    assert asked.weighing is not None
    assert asked.weighing.why == "as train.propensity is on"


def test_where_nothing_tells_the_ways_apart_the_model_is_the_unweighted_one(
    make_detector: MakeDetector, make_history: MakeHistory
) -> None:
    rows, labels, as_of = make_history()
    draw = np.random.default_rng(5)
    audited = pa.array(draw.random(len(labels)) < 0.1)  # drawn evenly: nothing is put right
    names = pa.compute.if_else(audited, "lab.audit", "lab")
    chances = pa.compute.if_else(audited, 0.5, 1.0)
    told = _with(_with(labels, "rule", names), "propensity", chances)
    before = train(make_detector(), rows, labels, as_of)
    found = train(make_detector(), rows, told, as_of)
    assert found.artifact.artifact_hash == before.artifact.artifact_hash
    assert before.weighing is None
    assert found.weighing is not None
    assert not found.weighing.used
    assert found.weighing.in_words.startswith(
        "weights by chance of being shown: not used, no better on later days (0."
    )


@pytest.mark.parametrize("propensity", ["auto", "on", "off"])
def test_a_chance_of_one_everywhere_makes_the_identical_model(
    make_detector: MakeDetector, make_history: MakeHistory, propensity: str
) -> None:
    rows, labels, as_of = make_history()
    ones = pa.array(np.ones(len(labels)))
    told = _with(_with(labels, "rule", pa.array(["lab.audit"] * len(labels))), "propensity", ones)
    keys = {"algorithms": ["xgboost", "logistic_regression"]}
    before = train(make_detector(train=keys), rows, labels, as_of)
    found = train(make_detector(train=keys | {"propensity": propensity}), rows, told, as_of)
    assert found.weighing is None
    assert found.artifact.artifact_hash == before.artifact.artifact_hash


def test_why_both_ways_are_not_compared_is_said(detector: Callable[..., Detector]) -> None:
    young = trained(detector(), selected(since=24)).weighing
    assert young is not None
    assert young.why == "as none was drawn in the earlier days, where both are compared"
    spec = detector()
    presumed = spec.labels.model_copy(update={"unlabelled": "presumed_benign"})
    found = trained(spec.model_copy(update={"labels": presumed}), selected()).weighing
    assert found is not None
    assert "presumed benign" in found.why


def test_weights_beside_presumed_benign_are_refused() -> None:
    text = """
name: lab
events: {local: {stream: alerts}}
entity: host.name
labels: {verdicts: {join: event}, unlabelled: presumed_benign}
features: [category: rule.id]
train: {propensity: HOW}
alerts: {budget: 5/day}
"""
    with pytest.raises(ConfigError, match="would count twice"):
        parse_detector(text.replace("HOW", "on"))
    with pytest.raises(ConfigError, match="'of' is not known") as refused:
        parse_detector(text.replace("HOW", "of"))
    assert "did you mean 'off'?" in refused.value.hint
    assert parse_detector(text.replace("HOW", "auto")).train.propensity == "auto"


def _lesson() -> Lesson:
    draw = np.random.default_rng(2)
    matrix = draw.normal(size=(800, 3)).astype(np.float32)
    odds = np.where(matrix[:, 0] > 0, 3.0, -3.0) * matrix[:, 1] - 1.0
    truth = (draw.random(800) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    return Lesson(
        matrix=matrix[:600], truth=truth[:600], later_matrix=matrix[600:],
        later_truth=truth[600:], seed=7, threads=1,
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(algorithms()))
def test_every_algorithm_attends_to_weights(name: str) -> None:
    plain = _lesson()
    later, truth = plain.later_matrix, plain.later_truth
    assert later is not None
    assert truth is not None
    fit = algorithms()[name].fit
    heavy = np.where(plain.matrix[:, 0] > 0, CAP, 1.0)
    said = [fit(replace(plain, weights=w)).margin(later) for w in (heavy / heavy.mean(), None)]
    some = later[:, 0] > 0
    weighted, unweighted = (average_precision(truth[some], margins[some]) for margins in said)
    assert weighted >= unweighted - 0.05  # on rows so few, chance alone takes as much
    assert not np.allclose(said[0], said[1])


def test_rows_that_count_double_rank_as_if_they_were_there_twice() -> None:
    draw = np.random.default_rng(0)
    truth = (draw.random(50) < 0.3).astype(np.int8)
    scores = draw.integers(0, 20, 50).astype(float)
    times = draw.integers(1, 4, 50)
    twice = average_precision(np.repeat(truth, times), np.repeat(scores, times))
    assert average_precision(truth, scores, times.astype(float)) == pytest.approx(twice)
    assert average_precision(truth, scores, np.ones(50)) == average_precision(truth, scores)


def _with(labels: pa.Table, name: str, column: pa.Array) -> pa.Table:
    place = LABEL_COLUMNS.get_field_index(name)
    return labels.set_column(place, LABEL_COLUMNS.field(name), column)
