"""What explaining the highest hundredth costs against scoring all, for every kind of winner.

The rows of benchmarks/training.py, fewer of them. Linear winners have their contributions in closed
form, boosted trees whose paths ask for few features Shapley values in tables, deeper trees path
contributions. A model is read anew for it, so what the first row has to prepare counts too.

For trees, ten of the rows also get XGBoost's own Shapley values: what they would cost for all, and
how often they name the same feature among the first three.

``python benchmarks/explaining.py [--rows N] [--json]``
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import xgboost as xgb
from training import JUDGED, ROUNDS, SEED, THREADS, WIDTH, simulate

from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Lesson, Model
from scoreback.models.learners.trees import TreeModel

SHAPLEY_ROWS = 10  # XGBoost's own: a deep forest takes tens of milliseconds for each
NAMED = 3  # reasons of an alert


def cost(model: Model, judged: np.ndarray) -> dict[str, float | str]:
    """CPU seconds of scoring all, and of explaining the highest hundredth by a fresh *model*."""
    begun = time.process_time()
    margins = model.margin(judged)
    score_all = time.process_time() - begun
    top = judged[np.argsort(-margins)[: len(judged) // 100]]
    begun = time.process_time()
    model.contributions(top[:1])
    first = time.process_time() - begun
    begun = time.process_time()
    found = model.contributions(top)
    explain = time.process_time() - begun
    off = float(np.abs(found.sum(axis=1) - model.margin(top)).max())
    measured: dict[str, float | str] = {
        "attribution": model.attribution,
        "explain_hundredth_vs_score_all": (first + explain) / score_all,
        "score_all": score_all, "explain_hundredth": explain, "first_row": first,
        "largest_gap_to_margin": off,
    }  # fmt: skip
    if isinstance(model, TreeModel):
        measured |= _against_shapley(model, top[:SHAPLEY_ROWS], found[:SHAPLEY_ROWS], len(top))
    return measured


def _against_shapley(
    model: TreeModel, rows: np.ndarray, found: np.ndarray, count: int
) -> dict[str, float]:
    begun = time.process_time()
    shapley = model.booster.predict(xgb.DMatrix(rows, nthread=1), pred_contribs=True)
    seconds = (time.process_time() - begun) * count / len(rows)
    ours, theirs = (np.argsort(-of[:, :-1], axis=1)[:, :NAMED] for of in (found, shapley))
    same = [len({*a} & {*b}) / NAMED for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
    return {"shapley_by_xgboost": seconds, "reasons_as_shapley": float(np.mean(same))}


def main() -> None:
    """Fit each algorithm and print what its contributions cost."""
    parser = argparse.ArgumentParser(description="What explaining costs.")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        simulate(Path(made), arguments.rows)
        shape = (arguments.rows + JUDGED, WIDTH)
        matrix = np.fromfile(Path(made) / "matrix", dtype=np.float32).reshape(shape)
        truth = np.fromfile(Path(made) / "truth", dtype=np.int8)
    found = {}
    for name, algorithm in algorithms().items():
        lesson = Lesson(
            matrix=matrix[: arguments.rows], truth=truth[: arguments.rows], later_matrix=None,
            later_truth=None, rounds=ROUNDS, seed=SEED, threads=THREADS,
        )  # fmt: skip
        fresh = algorithm.from_bytes(algorithm.fit(lesson).to_bytes(), 1)
        found[name] = cost(fresh, matrix[arguments.rows :])
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{JUDGED:,} rows scored, {JUDGED // 100:,} explained, XGBoost {xgb.__version__}")
    print(
        f"{'':24}{'ratio':>6}{'explain':>10}{'score all':>10}{'first row':>10}{'Shapley':>9}"
        f"{'same':>6}  by"
    )
    for name, one in found.items():
        shapley = "        -     -"
        if "shapley_by_xgboost" in one:
            shapley = f"{one['shapley_by_xgboost']:8.2f}s{one['reasons_as_shapley']:6.0%}"
        print(
            f"  {name:22}{one['explain_hundredth_vs_score_all']:6.2f}"
            f"{one['explain_hundredth']:9.3f}s{one['score_all']:9.3f}s{one['first_row']:9.3f}s"
            f"{shapley}  {one['attribution']}"
        )


if __name__ == "__main__":
    main()
