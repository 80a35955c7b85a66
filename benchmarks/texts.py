"""Text columns: what a sample of the texts costs in ranking, and what long texts cost in time.

Names are made by chains of letters: one chain for attacks, and for others one for each first
letter, so whoever learns from one end of the alphabet never sees the others. More differ than are
learnt from at a time. Each way of choosing among them is ranked on names that nobody learnt from,
as average precision, beside a fit of all:

- ours: `TextSample`;
- in proportion: a hash of both classes alike;
- alphabet: all positives, then negatives from the top of the alphabet, as it was once.

Then descriptions of some 300 characters, made of a vocabulary, are learnt from: CPU seconds of a
fit, and of the five fits out of fold that candidates learn from, as shares of a minute.

``python benchmarks/texts.py [--long N] [--json]``
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.learners import texts
from scoreback.models.learners.ranking import average_precision
from scoreback.models.learners.text_sample import MAX_TEXTS, TextSample
from scoreback.models.learners.texts import fit_text, out_of_fold

LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz0123456789-"))
LENGTH = 14
HISTORIES = ((46_000, 60_000), (2_000, 150_000), (300, 300_000))  # positives, negatives
JUDGED = 20_000
MINUTE = 60.0
Choice = Callable[[pa.Array, np.ndarray, np.ndarray, int], TextSample]


def names(seed: int, positives: int, negatives: int) -> tuple[pa.Array, np.ndarray]:
    """Names and their truth, in a random order."""
    draw, many = np.random.default_rng(seed), len(LETTERS)
    shape = np.random.default_rng(99)
    shared = shape.dirichlet(np.full(many, 0.3), many)
    own = shape.dirichlet(np.full(many, 0.25), (many + 1, many))
    tables = (0.65 * shared + 0.35 * own).cumsum(axis=2)
    first = draw.integers(0, many, positives + negatives)
    chain = np.where(np.arange(len(first)) < positives, many, first)
    found = np.empty((len(first), LENGTH), dtype=np.int64)
    found[:, 0] = first
    for place in range(1, LENGTH):
        for which in range(many + 1):
            mine = np.flatnonzero(chain == which)
            table, chance = tables[which][found[mine, place - 1]], draw.random((len(mine), 1))
            found[mine, place] = np.minimum((table < chance).sum(axis=1), many - 1)
    truth = np.repeat([1, 0], [positives, negatives]).astype(np.int8)
    order = draw.permutation(len(truth))
    return pa.array(["".join(row) for row in LETTERS[found[order]]]), truth[order]


def descriptions(seed: int, count: int) -> tuple[pa.Array, np.ndarray]:
    """Some 300 characters each; a sixth are positive and choose other words now and then."""
    draw = np.random.default_rng(seed)
    words = np.array(
        ["".join(draw.choice(LETTERS[:26], size)) for size in draw.integers(2, 12, 20_000)]
    )
    usual, other = (np.cumsum(draw.dirichlet(np.full(len(words), 0.05))) for _ in range(2))
    truth = (draw.random(count) < 1 / 6).astype(np.int8)
    rows = []
    for positive in truth:
        chance = draw.random(40)
        table = np.where(draw.random(40) < 0.15 * positive, np.searchsorted(other, chance),
                         np.searchsorted(usual, chance))  # fmt: skip
        rows.append(" ".join(words[np.minimum(table, len(words) - 1)]))
    return pa.array(rows), truth


def in_proportion(
    found: pa.Array, positive: np.ndarray, negative: np.ndarray, seed: int
) -> TextSample:
    """The same share of each class."""
    share = min(1.0, MAX_TEXTS / (positive.sum() + negative.sum()))
    kept = np.random.default_rng(seed).random(len(found)) < share
    return TextSample(positive & kept, negative & kept)


def by_alphabet(found: pa.Array, positive: np.ndarray, negative: np.ndarray, _: int) -> TextSample:
    """All positives, then negatives from the top of the alphabet."""
    order = pc.sort_indices(found).to_numpy()
    kept = np.zeros(len(found), dtype=bool)
    kept[order[(negative & ~positive)[order]][: max(0, MAX_TEXTS - positive.sum())]] = True
    return TextSample(positive, negative & (kept | positive))


def everything(_: pa.Array, positive: np.ndarray, negative: np.ndarray, _seed: int) -> TextSample:
    """No sample: what the others are measured against."""
    return TextSample(positive, negative)


WAYS: Mapping[str, Choice] = {
    "all": everything, "ours": TextSample.of, "in proportion": in_proportion,
    "alphabet": by_alphabet,
}  # fmt: skip


def ranking() -> list[dict[str, float | str]]:
    """Average precision of each way over each history."""
    found: list[dict[str, float | str]] = []
    for positives, negatives in HISTORIES:
        rows, truth = names(1, positives, negatives)
        share = positives / (positives + negatives)
        judged, told = names(2, max(400, int(JUDGED * share)), JUDGED)
        for name, way in WAYS.items():
            # `texts` chooses by this way for once.
            with patch.object(texts, "TextSample", SimpleNamespace(of=way)):
                begun = time.process_time()
                model = fit_text(rows, truth)
                seconds = time.process_time() - begun
            counts = model.counts
            if counts is None:
                raise TypeError("what was learnt here says of how much")
            found.append(
                {"way": name, "positives": counts.positives, "negatives": counts.negatives,
                 "learnt_positives": counts.learnt_positives,
                 "learnt_negatives": counts.learnt_negatives, "cpu": seconds,
                 "average_precision": average_precision(told, model.margins(judged))}
            )  # fmt: skip
    return found


def long_texts(count: int) -> dict[str, float]:
    """CPU seconds of one fit over *count* descriptions, and of those out of fold."""
    rows, truth = descriptions(3, count)
    begun = time.process_time()
    fit_text(rows, truth)
    fit = time.process_time() - begun
    begun = time.process_time()
    out_of_fold(rows, truth)
    folds = time.process_time() - begun
    return {
        "texts": count, "mean_characters": pc.mean(pc.utf8_length(rows)).as_py(), "fit": fit,
        "out_of_fold": folds, "minutes_of_cpu": (fit + folds) / MINUTE,
    }  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Text columns.")
    parser.add_argument("--long", type=int, default=30_000, help="long texts to learn from")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    ranked, slow = ranking(), long_texts(arguments.long)
    if arguments.json:
        print(json.dumps({"ranking": ranked, "long_texts": slow}, indent=2))
        return
    print(f"{'':15}{'positives learnt':>18}{'negatives learnt':>20}{'CPU':>7}{'AP':>8}")
    for row in ranked:
        print(
            f"  {row['way']:13}{row['learnt_positives']:>8,} of{row['positives']:>7,}"
            f"{row['learnt_negatives']:>9,} of{row['negatives']:>8,}{row['cpu']:6.1f}s"
            f"{row['average_precision']:8.3f}"
        )
    print(
        f"{slow['texts']:,} texts of {slow['mean_characters']:.0f} characters: a fit"
        f" {slow['fit']:.1f} s, out of fold {slow['out_of_fold']:.1f} s,"
        f" together {slow['minutes_of_cpu']:.2f} CPU minutes"
    )


if __name__ == "__main__":
    main()
