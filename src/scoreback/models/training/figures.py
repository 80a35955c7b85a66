"""The figures of a finished training: metrics, counts of rows, and warnings."""

from scoreback.models.detector.spec import Detector
from scoreback.models.judging.evaluation import Evaluation
from scoreback.models.judging.threshold import Threshold
from scoreback.models.labels.dataset import Dataset, Known, Mask
from scoreback.models.training.candidates import TODAY_QUEUE
from scoreback.models.training.rivals import HeldOut
from scoreback.models.training.splits import Parts


def metrics_of(
    own: Evaluation, single: Evaluation, gap: float | None, apart: HeldOut | None
) -> dict[str, float]:
    """The manifest's metrics of the chosen candidate and the best single feature."""
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
        "precision_benign_true", "precision_benign_false", "positives", "recall",
        "recall_low", "recall_high", "incidents", "incidents_found", "median_hours_to_alert",
    )  # fmt: skip
    found |= {name: getattr(own.at_budget, name) for name in names}
    if apart is not None:
        found["held_out_average_precision"] = apart.mean_average_precision
        found["held_out_worst_average_precision"] = apart.worst_average_precision
    return {name: float(value) for name, value in found.items() if value is not None}


def counts_of(data: Dataset, known: Known, kept: Mask, parts: Parts) -> dict[str, int]:
    """How many rows were read, left out (by reason), and used."""
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
        "labels_contradicting": known.truths.contradicting,
        "labels_undetermined": known.truths.undetermined,
        "labels_not_yet": known.truths.not_yet,
        "fit_rows": int(parts.all.sum()),
        "threshold_rows": int(parts.threshold.sum()),
    }


def not_eligible(detector: Detector, data: Dataset) -> dict[str, str]:
    """Rivals that could not compete, and why."""
    if detector.train.today_queue is None or data.queue is not None:
        return {}
    return {TODAY_QUEUE: f"no value of {detector.train.today_queue} is a number"}


def warnings_of(
    detector: Detector, data: Dataset, known: Known, threshold: Threshold, apart: HeldOut | None
) -> list[str]:
    """What somebody who relies on this training should know."""
    found = []
    if threshold.silent:
        found.append(
            f"no alert would be raised: the highest score is shared by more units than the budget "
            f"of {detector.alerts.budget:,.14g} a day takes; add features that tell them apart"
        )
    elif threshold.next_lower is None:
        found.append("every unit fits into the budget, so the threshold is the lowest score seen")
    if known.truths.contradicting:
        found.append(
            f"{known.truths.contradicting} events are left out: their labels contradict each other"
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
