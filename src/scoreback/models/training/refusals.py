"""Refuses a training whose result would not deserve trust, with the numbers."""

from scoreback.errors import TrainingRefused
from scoreback.models.detector.spec import Detector, format_duration
from scoreback.models.labels.dataset import Dataset, Known, Mask
from scoreback.models.training.splits import Parts, Plan

MIN_POSITIVES = 20  # with fewer, precision at the alert budget is noise


def refuse_unlearnable(detector: Detector, data: Dataset, known: Known, kept: Mask) -> None:
    """Refuse if nothing could be learnt, whatever the split.

    Raises:
        TrainingRefused: no usable rows, no label yet, one class only, or too few positives.
    """
    truths = known.truths
    if not known.usable.any():
        mature = format_duration(detector.labels.mature_after)
        history = format_duration(detector.train.history)
        raise TrainingRefused(
            f"none of the {len(data)} events is old enough and young enough as of "
            f"{known.at:%Y-%m-%d %H:%M} UTC: {known.immature} are younger than {mature}, "
            f"{known.too_old} older than {history}",
            hint="wait, lower labels.mature_after, or raise train.history",
        )
    if not len(truths.event_ids) and truths.not_yet:
        raise TrainingRefused(
            f"all {truths.not_yet} labels came to exist after {known.at:%Y-%m-%d %H:%M} UTC, as "
            "of which is trained",
            hint="train as of a later time, or correct labels.field.delay",
        )
    positives = int((known.truth[kept] == 1).sum())
    negatives = int((known.truth[kept] == 0).sum())
    found = (
        f"{positives} positive and {negatives} negative, counted once a day where equal, from "
        f"{len(truths.event_ids)} labelled events of which {known.positives + known.negatives} "
        f"are usable"
    )
    if not positives or not negatives:
        raise TrainingRefused(
            f"the labels hold one class only: {found}",
            hint="label events of both kinds, or see labels.field.positive and "
            "labels.benign_positive",
        )
    if positives < MIN_POSITIVES:
        raise TrainingRefused(
            f"too few positives, {MIN_POSITIVES} are needed: {found}",
            hint="label more true alerts, or read a longer history",
        )


def refuse_unjudgeable(plan: Plan, parts: Parts | None, known: Known) -> Parts:
    """Refuse if no split leaves enough on both sides; else return *parts*.

    Raises:
        TrainingRefused: no label existed at any origin, or the positives cannot be split.
    """
    if not plan.origins and plan.labels_at_last_origin == 0 and plan.last_origin is not None:
        raise TrainingRefused(
            f"all labels arrive after the cut: none of {len(known.truths.event_ids)} labelled "
            f"events had its label on {plan.last_origin:%Y-%m-%d %H:%M} UTC, when the last judged "
            "days begin, so no past training can be replayed",
            hint="train again when labels are spread over more days; if labels were filled in "
            "afterwards, say with labels.field.delay when they would have existed",
        )
    if not plan.origins or parts is None:
        raise TrainingRefused(
            f"{known.positives} positives lie so close together in time that no split leaves some "
            "to learn from and some to judge by",
            hint="read a longer history, or wait for labels of other days",
        )
    return parts
