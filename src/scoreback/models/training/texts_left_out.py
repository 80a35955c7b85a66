"""Sentences about texts that a training did not learn from because there were too many."""

from scoreback.models.learners.encoding import Encoder


def texts_left_out(encoder: Encoder) -> list[str]:
    """One sentence for each text column of which only a sample was learnt from."""
    found = []
    for name, text in encoder.texts.items():
        counts = text.counts
        if counts is None or not counts.left_out:
            continue
        found.append(
            f"{name!r} has more texts than are learnt from at a time: a seeded sample of"
            f" {counts.learnt_positives:,} of {counts.positives:,} positive and"
            f" {counts.learnt_negatives:,} of {counts.negatives:,} negative ones was; the other"
            f" {counts.left_out:,} only count in how common each class is"
        )
    return found
