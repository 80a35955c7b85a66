"""Training: candidates judged on days they never saw, and the winner kept only if it earns it.

At each of up to three origins of the past every candidate learns from what was known then, fixes
its threshold on the last days before the origin, and is judged on the days after it. The candidate
that would have shown most true alerts within the budget is then made anew from all that is known
now. Nothing random decides: the same rows, labels and seed give the same artefact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from scoreback.models.artifact import Artifact, Fit, artifact_of
from scoreback.models.behaviour import Behaviour, behaviour
from scoreback.models.breakdown import Breakdown, breakdown
from scoreback.models.candidates import (
    BASELINE,
    Candidates,
    fit_candidates,
    replays,
    units_of,
)
from scoreback.models.dataset import Dataset, Known, known_at, once_a_day, row_hash
from scoreback.models.detector import Detector
from scoreback.models.evaluation import TABLE, Evaluation, Replay, evaluate
from scoreback.models.joins import event_labels
from scoreback.models.model import score_of
from scoreback.models.pitfalls import Pitfall, pitfalls
from scoreback.models.refusals import refuse_unearned, refuse_unjudgeable, refuse_unlearnable
from scoreback.models.rivals import HeldOut, held_out, random_split_precision, values_to_hold_out
from scoreback.models.splits import Origin, Parts, parts_of, plan_of
from scoreback.models.threshold import (
    RiskMap,
    Threshold,
    fit_threshold,
    keep_floor,
    suppression_of,
)

Progress = Callable[[int, int, str], None]  # steps done, steps in all, what comes next


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A finished training: the artefact, and how every candidate did."""

    artifact: Artifact
    chosen: str
    evaluations: tuple[Evaluation, ...]  # of every candidate; the single feature comes last
    single_feature: str  # which one, at the latest origin; "-name" where low is suspicious
    random_split_average_precision: float | None  # only ever shown beside the chosen one's own
    held_out: HeldOut | None
    expected_alerts_per_day: float  # on the days the threshold was fitted on
    counts: Mapping[str, int]
    immature_days: tuple[str, ...]  # left out, by name
    warnings: tuple[str, ...]
    pitfalls: tuple[Pitfall, ...]
    breakdown: Breakdown
    behaviour: Behaviour

    @property
    def evaluation(self) -> Evaluation:
        """The chosen candidate's."""
        return _of(self.chosen, self.evaluations)

    @property
    def baseline(self) -> Evaluation:
        """The best single feature's."""
        return _of(BASELINE, self.evaluations)


def train(
    detector: Detector,
    rows: pa.Table,
    labels: pa.Table,
    as_of: datetime,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> Training:
    """Train *detector* as of *as_of*.

    Args:
        detector: what to learn, and for which budget.
        rows: feature rows of the history, in any order: ``event_id``, ``event_time``,
            ``arrival_time``, ``entity``, optionally ``hold_out``, and one column per feature.
        labels: `records.LABEL_COLUMNS`; those after *as_of* change nothing.
        as_of: the moment whose knowledge is used.
        threads: for XGBoost; changes nothing in the result.
        progress: told before each step.

    Raises:
        TrainingRefused: the result would not deserve trust; the message has the numbers.
        DataError: *rows* are not feature rows of *detector*.
    """
    tell = progress or _silent
    tell(0, 1, "joining labels")
    data = Dataset.of(rows, detector)
    labels = event_labels(data, labels, detector)
    known = known_at(data, labels, detector, as_of)
    kept = once_a_day(data, known.truth, known.labelled)
    refuse_unlearnable(detector, data, known, kept)
    plan = plan_of(data, labels, detector, known)
    parts = parts_of(data, known)
    parts = refuse_unjudgeable(plan, parts, known)
    values = values_to_hold_out(data, known)
    steps = len(plan.origins) + 2 + len(values)
    evaluations, said, latest = _judge(
        detector, data, known, plan.origins, threads, lambda i, step: tell(i, steps, step)
    )
    chosen = refuse_unearned(detector, evaluations)
    done = len(plan.origins)
    tell(done, steps, f"fitting {chosen} on all days")
    final = fit_candidates(detector, data, parts, [chosen], threads)
    tell(done + 1, steps, "random split, to show the gap")
    gap = random_split_precision(detector, data, known, chosen, threads)
    apart = None
    if values:
        apart = held_out(
            detector, data, known, chosen, values, threads,
            lambda i, value: tell(done + 2 + i, steps, f"holding out {value}"),
        )  # fmt: skip
    metrics = _metrics(chosen, evaluations, gap, apart)
    threshold, fit = _finished(detector, data, parts, final, chosen, metrics)
    tell(steps, steps, "done")
    return Training(
        artifact=artifact_of(detector, fit),
        chosen=chosen,
        evaluations=evaluations,
        single_feature=latest.single_feature,
        random_split_average_precision=gap,
        held_out=apart,
        expected_alerts_per_day=threshold.alerts_per_day,
        counts=_counts(data, known, kept, parts),
        immature_days=known.immature_days,
        warnings=(*plan.warnings, *_warnings(detector, data, known, threshold, apart)),
        pitfalls=pitfalls(
            data, known, plan.origins, _of(chosen, evaluations), _of(BASELINE, evaluations),
            latest.single_feature, gap,
        ),
        breakdown=breakdown(
            data, plan.origins, said[chosen], budget=detector.alerts.budget,
            rule=suppression_of(detector),
        ),
        behaviour=behaviour(detector, data, chosen, said[chosen], plan.origins[-1], latest),
    )  # fmt: skip


def _of(name: str, evaluations: tuple[Evaluation, ...]) -> Evaluation:
    return next(e for e in evaluations if e.algorithm == name)


def _silent(_done: int, _steps: int, _step: str) -> None:
    """Tell nobody."""


def _judge(
    detector: Detector,
    data: Dataset,
    known: Known,
    origins: tuple[Origin, ...],
    threads: int,
    tell: Callable[[int, str], None],
) -> tuple[tuple[Evaluation, ...], Mapping[str, list[Replay]], Candidates]:
    """Every candidate over all *origins*, what it said, and what was fitted at the last."""
    said: dict[str, list[Replay]] = {}
    for i, origin in enumerate(origins):
        tell(i, f"judging on block {i + 1} of {len(origins)}")
        candidates = fit_candidates(
            detector, data, origin.parts, detector.train.algorithms, threads
        )
        for name, replay in replays(data, known, origin, candidates).items():
            said.setdefault(name, []).append(replay)
    rule, budget = suppression_of(detector), detector.alerts.budget
    evaluations = (
        evaluate(
            name, found, budget=budget, rule=rule, seed=detector.train.seed,
            table=sorted({*TABLE, budget}),
        )
        for name, found in said.items()
    )  # fmt: skip
    return tuple(evaluations), said, candidates


def _finished(
    detector: Detector,
    data: Dataset,
    parts: Parts,
    final: Candidates,
    chosen: str,
    metrics: Mapping[str, float],
) -> tuple[Threshold, Fit]:
    """The final model's threshold, and all that its artefact holds."""
    model = final.models[chosen]
    scores = score_of(final.threshold_margins[chosen])
    units = units_of(data, parts.threshold, parts.threshold_span, scores)
    threshold = fit_threshold(units, detector.alerts.budget, suppression_of(detector))
    value = min(threshold.value, 1.0)
    truth = parts.known.truth
    used = data.times[parts.all | parts.threshold]
    return threshold, Fit(
        as_of=parts.known.at,
        encoder=final.encoder,
        model=model,
        threshold=value,
        risk_map=RiskMap.fit(value, scores),
        keep_floor=keep_floor(scores, detector.write.keep.top, value),
        metrics={**metrics, "expected_alerts_per_day": threshold.alerts_per_day},
        since=_moment(used[0]),
        until=_moment(used[-1]),
        fit_rows=int(parts.all.sum()),
        fit_positives=int((truth[parts.all] == 1).sum()),
        threshold_rows=int(parts.threshold.sum()),
        row_hash=row_hash(data, truth, parts.all | parts.threshold),
    )


def _metrics(
    chosen: str, evaluations: tuple[Evaluation, ...], gap: float | None, apart: HeldOut | None
) -> dict[str, float]:
    own, single = _of(chosen, evaluations), _of(BASELINE, evaluations)
    found: dict[str, float | None] = {
        "average_precision": own.average_precision,
        "true_alerts_within_budget": own.true_alerts_within_budget,
        "single_feature_precision": single.at_budget.precision,
        "single_feature_average_precision": single.average_precision,
        "single_feature_true_alerts_within_budget": single.true_alerts_within_budget,
        "random_split_average_precision": gap,
    }
    names = (
        "days", "days_over_budget", "alerts", "alerts_per_day", "true_alerts", "precision",
        "precision_low", "precision_high", "precision_labelled", "coverage",
        "precision_benign_true", "precision_benign_false", "positives", "recall", "incidents",
        "incidents_found", "median_hours_to_alert",
    )  # fmt: skip
    found |= {name: getattr(own.at_budget, name) for name in names}
    if apart is not None:
        found["held_out_average_precision"] = apart.mean_average_precision
        found["held_out_worst_average_precision"] = apart.worst_average_precision
    return {name: float(value) for name, value in found.items() if value is not None}


def _counts(data: Dataset, known: Known, kept: np.ndarray, parts: Parts) -> dict[str, int]:
    return {
        "rows": len(data),
        "repeated_ids": data.repeated,
        "older_than_history": known.too_old,
        "immature": known.immature,
        "usable": int(known.usable.sum()),
        "positives": known.positives,
        "negatives": known.negatives,
        "unlabelled": int(known.usable.sum()) - known.positives - known.negatives,
        "duplicates": int(known.labelled.sum() - kept.sum()),
        "labels_contradicting": known.settled.contradicting,
        "labels_undetermined": known.settled.undetermined,
        "labels_not_yet": known.settled.not_yet,
        "fit_rows": int(parts.all.sum()),
        "threshold_rows": int(parts.threshold.sum()),
    }


def _warnings(
    detector: Detector, data: Dataset, known: Known, threshold: Threshold, apart: HeldOut | None
) -> list[str]:
    found = []
    if threshold.silent:
        found.append(
            f"no alert would be raised: the highest score is shared by more units than the budget "
            f"of {detector.alerts.budget:g} a day takes; add features that tell them apart"
        )
    elif threshold.next_lower is None:
        found.append("every unit fits into the budget, so the threshold is the lowest score seen")
    if known.settled.contradicting:
        found.append(
            f"{known.settled.contradicting} events are left out: their labels contradict each other"
        )
    if detector.split.hold_out and apart is None:
        found.append(
            f"{detector.split.hold_out[0]!r} is not held out: it needs 2 to 20 values in the rows"
        )
    if apart is not None and apart.skipped:
        found.append(f"too few positives beside {', '.join(apart.skipped)} to hold them out")
    if data.repeated:
        found.append(f"{data.repeated} rows repeat an event id and are left out")
    return found


def _moment(us: np.int64) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(us))
