"""Training from the file against a DMatrix of an array in memory, and what explaining costs.

A million rows of forty columns, simulated, lie in a file. Each side runs alone in a process of its
own: it reads the file, learns with the same parameters and rounds, and ranks rows it never saw.

- ours: `fit_xgboost` over the matrix in its file, block by block;
- array: the file read into an array, and `xgboost.DMatrix` of it.

Then the highest hundredth of the ranked rows is explained: by the model's tables, which the first
row makes, and by XGBoost.

``python benchmarks/training.py [--rows N] [--json]``. Net peak memory is the peak of the process
less what it held after its imports.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import xgboost as xgb

from scoreback.models.learners.matrix_file import BLOCK
from scoreback.models.learners.model import Lesson
from scoreback.models.learners.ranking import average_precision
from scoreback.models.learners.trees import fit_xgboost

WIDTH, ROUNDS, THREADS, SEED = 40, 100, 2, 7
JUDGED = 100_000  # rows that are ranked, not learnt from


def simulate(folder: Path, rows: int) -> None:
    """Write rows with a few columns that tell together, in blocks."""
    draw = np.random.default_rng(SEED)
    with (folder / "matrix").open("wb") as matrix, (folder / "truth").open("wb") as truths:
        for start in range(0, rows + JUDGED, BLOCK):
            block = draw.normal(size=(min(BLOCK, rows + JUDGED - start), WIDTH))
            odds = 1.5 * block[:, 0] * block[:, 1] + block[:, 2] + np.abs(block[:, 3]) - 5
            truth = draw.random(len(block)) < 1 / (1 + np.exp(-odds))
            matrix.write(block.astype(np.float32).tobytes())
            truths.write(truth.astype(np.int8).tobytes())


def side(which: str, folder: Path, rows: int) -> dict[str, float]:
    """Learn and rank on one side, alone in this process."""
    truth = np.fromfile(folder / "truth", dtype=np.int8)
    judged = np.fromfile(folder / "matrix", dtype=np.float32, offset=rows * WIDTH * 4).reshape(
        -1, WIDTH
    )
    before, begun = _memory("VmRSS"), time.process_time()
    shape = (rows, WIDTH)
    if which == "ours":
        matrix = np.memmap(folder / "matrix", dtype=np.float32, mode="r", shape=shape)
        model = fit_xgboost(
            Lesson(
                matrix=matrix, truth=truth[:rows], later_matrix=None, later_truth=None,
                rounds=ROUNDS, seed=SEED, threads=THREADS,
            )
        )  # fmt: skip
        rank: Callable[[np.ndarray], np.ndarray] = model.margin
    else:
        array = np.fromfile(folder / "matrix", dtype=np.float32, count=rows * WIDTH).reshape(shape)
        parameters = {
            "objective": "binary:logistic", "tree_method": "hist", "max_depth": 5,
            "learning_rate": 0.1, "min_child_weight": 3.0, "colsample_bynode": 0.7, "seed": SEED,
            "nthread": THREADS,
        }  # fmt: skip
        booster = xgb.train(parameters, xgb.DMatrix(array, truth[:rows]), ROUNDS)
        rank = partial(booster.inplace_predict, predict_type="margin")
    found = {"cpu": time.process_time() - begun, "peak": _memory("VmHWM") - before}
    begun = time.process_time()
    margins = rank(judged).astype(np.float64)
    found["score_all"] = time.process_time() - begun
    found["average_precision"] = average_precision(truth[rows:], margins)
    if which == "ours":
        top = judged[np.argsort(-margins)[: len(judged) // 100]]
        begun = time.process_time()
        model.contributions(top[:1])  # makes the model's tables, once
        found["explain_first"] = time.process_time() - begun
        begun = time.process_time()
        model.contributions(top)
        found["explain_hundredth"] = time.process_time() - begun
        begun = time.process_time()
        model.booster.predict(xgb.DMatrix(top, nthread=1), pred_contribs=True)
        found["explain_hundredth_by_xgboost"] = time.process_time() - begun
    return found


def _memory(name: str) -> float:
    """Megabytes of this process, as the kernel counts them."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def main() -> None:
    """Run both sides and print their ratios."""
    parser = argparse.ArgumentParser(description="Training from the file.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--side", nargs=2, metavar=("WHICH", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        which, folder = arguments.side
        print(json.dumps(side(which, Path(folder), arguments.rows)))
        return
    with tempfile.TemporaryDirectory() as made:
        simulate(Path(made), arguments.rows)
        sides = {}
        for which in ("array", "ours"):
            command = [sys.executable, __file__, "--rows", str(arguments.rows), "--side", which]
            done = subprocess.run([*command, made], check=True, stdout=subprocess.PIPE)  # noqa: S603
            sides[which] = json.loads(done.stdout)
    ours, array = sides["ours"], sides["array"]
    found = {
        "peak_memory_ratio": ours["peak"] / array["peak"],
        "cpu_ratio": ours["cpu"] / array["cpu"],
        "average_precision_difference": ours["average_precision"] - array["average_precision"],
        "explain_hundredth_vs_score_all": ours["explain_hundredth"] / ours["score_all"],
        "explain_first_vs_score_all": ours["explain_first"] / ours["score_all"],
        "by_xgboost_vs_score_all": ours["explain_hundredth_by_xgboost"] / ours["score_all"],
        "sides": sides,
    }
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{arguments.rows:,} rows of {WIDTH} columns, {ROUNDS} rounds")
    for which, one in sides.items():
        print(
            f"  {which}: peak {one['peak']:.0f} MB net, CPU {one['cpu']:.1f} s, average precision "
            f"{one['average_precision']:.4f}"
        )
    for name in list(found)[:-1]:
        print(f"  {name}: {found[name]:.3f}")


if __name__ == "__main__":
    main()
