"""Training: no look into the future, the same artefact for the same data, and when it refuses."""

from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.errors import TrainingRefused
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset, known_at
from scoreback.models.learners import forests, trees
from scoreback.models.training.candidates import BASELINE
from scoreback.models.training.splits import plan_of
from scoreback.models.training.training import Training, train
from scoreback.records import TIME

History = tuple[pa.Table, pa.Table, datetime]
MakeHistory = Callable[..., History]
MakeDetector = Callable[..., Detector]
MakeLabels = Callable[..., pa.Table]


def test_the_winner_is_judged_at_the_budget_beside_the_others(training: Training) -> None:
    assert training.chosen == "xgboost"
    names = [e.algorithm for e in training.evaluations]
    assert names == ["xgboost", "logistic_regression", BASELINE]
    won, baseline = training.evaluation, training.baseline
    assert won.true_alerts_within_budget > baseline.true_alerts_within_budget
    assert [row.budget for row in won.table] == [5.0, 10.0, 20.0, 50.0]
    assert won.table[0] == won.at_budget
    assert won.at_budget.alerts_per_day == pytest.approx(5.0, rel=0.5)
    assert training.expected_alerts_per_day <= 5.0
    assert training.random_split_average_precision is not None
    assert training.immature_days == ("2026-03-20",)
    assert (
        training.counts["usable"]
        == training.counts["fit_rows"]
        + training.counts["unlabelled"]
        + training.counts["duplicates"]
    )


def test_the_artefact_tells_where_it_comes_from(training: Training) -> None:
    manifest = training.artifact.manifest
    assert (manifest.detector, manifest.budget, manifest.seed) == ("lab", 5.0, 7)
    assert manifest.data.until < manifest.as_of - timedelta(days=1)
    assert manifest.metrics["average_precision"] == training.evaluation.average_precision
    assert manifest.metrics["precision"] == training.evaluation.at_budget.precision
    assert set(manifest.libraries) >= {"scoreback", "xgboost-cpu", "scikit-learn"}


def test_row_order_and_label_order_change_no_bit(
    training: Training, make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history()
    draw = np.random.default_rng(1)
    again = train(
        make_detector(),
        rows.drop_columns(["hold_out"]).take(draw.permutation(len(rows))),
        labels.take(draw.permutation(len(labels))),
        as_of,
    )
    assert again.artifact.artifact_hash == training.artifact.artifact_hash
    assert again.evaluations == training.evaluations


@pytest.mark.parametrize(
    "algorithm", ["xgboost", "hist_gradient_boosting", "random_forest", "logistic_regression"]
)
def test_neither_threads_nor_the_order_of_rows_change_a_bit(
    algorithm: str,
    make_history: MakeHistory,
    make_detector: MakeDetector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (trees, forests):  # threads on a busy machine are slow
        monkeypatch.setattr(module, "LEAST_ROUNDS", 8)
        monkeypatch.setattr(module, "MAX_ROUNDS", 10)
    monkeypatch.setattr(forests, "FOREST_TREES", 20)
    # A line is no match for the plain rule on the other history.
    rows, labels, as_of = make_history(additive=algorithm == "logistic_regression")
    rows = rows.drop_columns(["hold_out"])
    detector = make_detector(train={"algorithms": [algorithm]})
    draw = np.random.default_rng(2)
    one = train(detector, rows, labels, as_of, threads=1)
    two = train(
        detector,
        rows.take(draw.permutation(len(rows))),
        labels.take(draw.permutation(len(labels))),
        as_of,
        threads=2,
    )
    assert one.chosen == algorithm
    assert one.artifact.artifact_hash == two.artifact.artifact_hash
    assert one.evaluations == two.evaluations


def test_what_comes_after_the_cut_off_changes_no_bit(
    training: Training,
    make_history: MakeHistory,
    make_detector: MakeDetector,
    make_labels: MakeLabels,
) -> None:
    """A planted label, and planted events, that nobody could have known."""
    rows, labels, as_of = make_history()
    rows = rows.drop_columns(["hold_out"])
    ids = rows.column("event_id").to_pylist()[:500]
    planted = make_labels(ids, ["true_positive"] * 500, [as_of + timedelta(microseconds=1)] * 500)
    late = rows.slice(0, 200)
    future = pa.array([as_of + timedelta(seconds=1)] * 200, TIME)
    late = late.set_column(0, "event_id", pa.array([f"late{i}" for i in range(200)]))
    late = late.set_column(2, "arrival_time", future)
    again = train(
        make_detector(), pa.concat_tables([rows, late]), pa.concat_tables([labels, planted]), as_of
    )
    assert again.artifact.artifact_hash == training.artifact.artifact_hash
    assert again.counts["labels_not_yet"] == training.counts["labels_not_yet"] + 500


def test_each_origin_knows_only_what_existed_then(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history()
    detector = make_detector()
    data = Dataset.of(rows, detector)
    plan = plan_of(data, labels, detector, known_at(data, labels, detector, as_of))
    label_time = dict(
        zip(labels["event_id"].to_pylist(), labels["label_time"].to_pylist(), strict=True)
    )
    ids = np.array(data.event_ids.to_pylist())
    assert len(plan.origins) == 3
    for origin in plan.origins:
        at = origin.parts.known.at
        assert all(label_time[event] <= at for event in ids[origin.parts.all])
        used = data.times[origin.parts.all | origin.parts.threshold]
        assert used.max() < origin.judged_span.since - timedelta(days=1) // timedelta(
            microseconds=1
        )
        fit_end = data.times[origin.parts.fit].max()
        assert fit_end < data.times[origin.parts.threshold].min()
        assert (data.times[origin.judged] >= origin.judged_span.since).all()
    assert not (plan.origins[0].judged & plan.origins[1].judged).any()


def test_values_of_the_held_out_field_are_judged_by_models_that_never_saw_them(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history(events=3000)
    detector = make_detector(split={"hold_out": ["network.name"]})
    told: list[tuple[int, int, str]] = []
    found = train(detector, rows, labels, as_of, progress=lambda *step: told.append(step)).held_out
    assert found is not None
    assert (found.field, [v.value for v in found.values]) == (
        "network.name", ["net0", "net1", "net2"],
    )  # fmt: skip
    precisions = [v.evaluation.average_precision for v in found.values]
    assert found.worst_average_precision == min(p for p in precisions if p is not None)
    assert "holding out net1" in [step for _, _, step in told]
    assert told[-1][0] == told[-1][1]
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def refused(history: History, detector: Detector) -> str:
    rows, labels, as_of = history
    with pytest.raises(TrainingRefused) as caught:
        train(detector, rows.drop_columns(["hold_out"]), labels, as_of)
    assert caught.value.hint
    return str(caught.value)


def with_verdicts(history: History, keep: int, other: str = "false_positive") -> History:
    """The history with only the first *keep* true positives; the others are *other*."""
    rows, labels, as_of = history
    verdict = labels["verdict"].to_pylist()
    true = [i for i, v in enumerate(verdict) if v == "true_positive"]
    for i in true[keep:]:
        verdict[i] = other
    place = labels.schema.get_field_index("verdict")
    return rows, labels.set_column(place, labels.schema.field(place), pa.array(verdict)), as_of


def test_too_few_positives_are_refused_with_the_numbers(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    message = refused(with_verdicts(make_history(), 19), make_detector())
    assert "19 positive and" in message
    assert "20 are needed" in message


def test_one_class_is_refused(make_history: MakeHistory, make_detector: MakeDetector) -> None:
    assert "one class only: 0 positive" in refused(
        with_verdicts(make_history(), 0), make_detector()
    )
    rows, labels, as_of = make_history()
    only = labels.filter(pc.equal(labels["verdict"], "true_positive"))
    assert "and 0 negative" in refused((rows, only, as_of), make_detector())


def test_labels_that_all_arrive_after_the_cut_are_refused(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history()
    place = labels.schema.get_field_index("label_time")
    for at, words in (
        (as_of - timedelta(hours=1), "all labels arrive after the cut: none of"),
        (as_of + timedelta(hours=1), "came to exist after"),
    ):
        times = pa.array([at] * len(labels), TIME)
        late = labels.set_column(place, labels.schema.field(place), times)
        message = refused((rows, late, as_of), make_detector())
        assert words in message
        assert str(len(labels)) in message or "labelled events" in message


def test_no_mature_day_is_refused(make_history: MakeHistory, make_detector: MakeDetector) -> None:
    keys = {"verdicts": {"join": "event"}, "mature_after": "60d"}
    message = refused(make_history(), make_detector(labels=keys))
    assert "none of the 4000 events" in message
    assert "younger than 60d" in message


def test_positives_of_one_day_only_are_refused(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history()
    moment = pc.add(rows["event_time"].slice(0, 1), pa.scalar(timedelta(days=15)))[0].as_py()
    young = rows.filter(pc.greater(rows["event_time"], pa.scalar(moment, TIME)))["event_id"]
    verdict = pc.if_else(
        pc.and_(pc.is_in(labels["event_id"], value_set=young.slice(0, 60)), True),
        "true_positive",
        "false_positive",
    )
    place = labels.schema.get_field_index("verdict")
    squeezed = labels.set_column(place, labels.schema.field(place), verdict)
    message = refused((rows, squeezed, as_of), make_detector())
    assert "close together" in message or "does not beat" in message


def test_a_candidate_that_a_single_feature_equals_is_refused(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    """The answer is one column: a plain rule does as well."""
    rows, labels, as_of = make_history()
    true = labels.filter(pc.equal(labels["verdict"], "true_positive"))["event_id"]
    answer = pc.cast(pc.is_in(rows["event_id"], value_set=true.combine_chunks()), pa.float64())
    rows = rows.set_column(rows.column_names.index("count"), "count", answer)
    message = refused((rows, labels, as_of), make_detector())
    assert "does not beat the best single feature" in message
    assert "against" in message


def test_a_short_history_is_split_once_and_says_so(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history(days=2, events=3000, label_delay=timedelta(0))
    keys = {"verdicts": {"join": "event"}, "mature_after": "0s"}
    trained = train(make_detector(labels=keys), rows.drop_columns(["hold_out"]), labels, as_of)
    assert any("too short to replay" in warning for warning in trained.warnings)


def test_a_category_alone_can_be_all_there_is(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    """One feature cannot beat itself."""
    rows, labels, as_of = make_history(additive=True)
    volume = pc.fill_null(rows["network.bytes"], 0.0).to_numpy()
    told = pa.array([f"r{round(v)}" for v in volume])
    rows = rows.set_column(rows.column_names.index("rule.id"), "rule.id", told)
    detector = make_detector(features=[{"kind": "category", "field": "rule.id", "name": "rule.id"}])
    assert "does not beat" in refused((rows, labels, as_of), detector)


def test_repeated_and_unknown_ids_change_nothing_but_the_counts(
    training: Training,
    make_history: MakeHistory,
    make_detector: MakeDetector,
    make_labels: MakeLabels,
) -> None:
    rows, labels, as_of = make_history()
    rows = rows.drop_columns(["hold_out"])
    stranger = make_labels(["nobody"], ["true_positive"], [as_of - timedelta(days=5)])
    again = train(
        make_detector(),
        pa.concat_tables([rows, rows.slice(10, 5)]),
        pa.concat_tables([labels, stranger]),
        as_of,
    )
    assert again.artifact.artifact_hash == training.artifact.artifact_hash
    assert again.counts["repeated_ids"] == 5


def test_todays_queue_is_judged_beside_the_rest_and_has_to_be_beaten(
    make_history: MakeHistory, make_detector: MakeDetector
) -> None:
    rows, labels, as_of = make_history(seed=3, additive=True)
    detector = make_detector(train={"algorithms": ["logistic_regression"]})
    draw = np.random.default_rng(0)
    severity = pa.array([str(s) for s in draw.integers(0, 4, rows.num_rows)])
    beside = train(detector, rows.append_column("today_queue", severity), labels, as_of)
    queue = next(e for e in beside.evaluations if e.algorithm == "today_queue")
    own = beside.evaluation.average_precision
    assert own is not None
    assert queue.average_precision is not None
    assert queue.average_precision < own
    words = detector.model_copy(
        update={"train": detector.train.model_copy(update={"today_queue": "event.severity"})}
    )
    named = pa.array(["high", "low"] * (rows.num_rows // 2))
    apart = train(words, rows.append_column("today_queue", named), labels, as_of)
    assert apart.not_eligible == {"today_queue": "no value of event.severity is a number"}
    assert "today_queue" not in {e.algorithm for e in apart.evaluations}
    alone = train(detector, rows, labels, as_of)
    assert alone.artifact.artifact_hash == beside.artifact.artifact_hash
    true = labels.filter(pa.compute.equal(labels["verdict"], "true_positive"))["event_id"]
    knows = pa.compute.is_in(rows["event_id"], value_set=true.combine_chunks())
    best = pa.compute.if_else(knows, "9", pa.scalar("none"))
    with pytest.raises(TrainingRefused, match="does not beat today's queue"):
        train(detector, rows.append_column("today_queue", best), labels, as_of)
