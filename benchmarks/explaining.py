"""What explaining the highest hundredth costs against scoring all, for every kind of winner.

The rows of benchmarks/training.py, fewer of them. Linear winners and boosted trees whose paths ask
for few features have their contributions in closed form or in tables; deep trees are left to
XGBoost's own routine, whose cost depends on its version.

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


def cost(model: Model, judged: np.ndarray) -> dict[str, float]:
    """CPU seconds of scoring all and of explaining the highest hundredth."""
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
    return {
        "explain_hundredth_vs_score_all": explain / score_all, "score_all": score_all,
        "explain_hundredth": explain, "first_row": first, "largest_gap_to_margin": off,
    }  # fmt: skip


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
        found[name] = cost(algorithm.fit(lesson), matrix[arguments.rows :])
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{JUDGED:,} rows scored, {JUDGED // 100:,} explained, XGBoost {xgb.__version__}")
    for name, one in found.items():
        print(
            f"  {name}: {one['explain_hundredth_vs_score_all']:.2f} of scoring all"
            f" ({one['explain_hundredth']:.3f} s against {one['score_all']:.3f} s),"
            f" first row {one['first_row'] * 1000:.0f} ms"
        )


if __name__ == "__main__":
    main()
