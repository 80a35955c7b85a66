"""Average precision beside plain scripts and the best single column, on real data.

Each set is cut once: learnt from some networks, hosts or months, judged on others and later ones,
source by source. All see the same rows and the labels that existed at the cut:

- ours: the detector file under benchmarks/detectors, read from the embedded SIEM and trained by the
  product, which chooses algorithm and threshold itself;
- plain: XGBoost with its default settings on the columns as they lie in the file, categories as
  XGBoost takes them, texts as hashed trigrams of characters;
- forest: scikit-learn's random forest with its default settings on the same, categories as numbers,
  a missing value as a number that no other has;
- column: the one column that ranks the learning rows best, a category by its share of positives.

``python benchmarks/quality.py [DATA_FOLDER] [--only SET] [--json]``; the folder is else
``SCOREBACK_DATA``, else ``../shared/data`` beside this repository.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import xgboost as xgb
from numpy.typing import NDArray
from quality_sets import QUESTIONS, Question
from real_data import Workspace
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import HashingVectorizer

from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.learners.ranking import average_precision
from scoreback.service.app import opened
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import read_training_data, train_detector

ROOT = Path(__file__).resolve().parents[1]
RESAMPLES = 200
FALSE_POSITIVE_RATE = 0.01
WHO = ("ours", "plain", "forest", "column")  # in this order in each group of the table
SMOOTHING = 10.0  # rows of the overall share that a category's own share is mixed with
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The rows of one set, with what was known of them at the cut and in the end."""

    learn: pd.DataFrame
    judge: pd.DataFrame
    learn_truth: NDArray[np.int8]
    judge_truth: NDArray[np.int8]


def cut_of(question: Question, detector: Detector, rows: pd.DataFrame) -> Cut:
    """Rows that have a label: those known at the cut to learn from, those after it to judge."""
    spec = detector.labels.field
    if spec is None:
        raise SystemExit(f"{detector.name} has no labels from a field")
    value = rows[spec.name].astype(str)
    positive = value.isin(spec.positive)
    labelled = positive | (value.isin(spec.negative) if spec.negative else rows[spec.name].notna())
    known = rows["@timestamp"] + spec.delay
    if spec.time:
        known = pd.to_datetime(rows[spec.time], format="ISO8601", utc=True).fillna(known)
    learn = labelled & (rows["@timestamp"] < question.cut) & (known < question.cut)
    judge = labelled & (rows["@timestamp"] >= question.cut)
    return Cut(
        learn=rows[learn],
        judge=rows[judge],
        learn_truth=positive[learn].to_numpy(np.int8),
        judge_truth=positive[judge].to_numpy(np.int8),
    )


def ours(
    question: Question, detector: Detector, rows: pd.DataFrame, cut: Cut, folder: Path
) -> tuple[str, Floats]:
    """The algorithm that was chosen, and its log-odds of the judged rows."""
    export = folder / "rows.csv"
    rows.to_csv(export, index=False)
    workspace = Workspace(folder / "home")
    stream = detector.events["local"]["stream"]
    workspace.run("load", "load", export, "--stream", stream, "--time", "@timestamp", "--id", "id")
    with opened(Settings(home=workspace.home)) as app:
        training = train_detector(app, detector, as_of=question.cut, now=question.cut).training
        until = (rows["@timestamp"].max() + pd.Timedelta(seconds=1)).to_pydatetime()
        history = detector.train.history + (until - question.cut)
        longer = detector.train.model_copy(update={"history": history})
        data = read_training_data(app, detector.model_copy(update={"train": longer}), until)
        margins = Scorer(training.artifact).score(data.rows).margins
    found = pd.Series(margins, index=data.rows["event_id"].to_pylist())
    return training.chosen, found[cut.judge["id"].astype(str)].to_numpy(np.float64)


def plain(question: Question, cut: Cut, seed: int = 0) -> Floats:
    """What an afternoon's script says of the judged rows."""
    learn, judge = hashed_texts(question, cut) if question.texts else columns(question, cut)
    model = xgb.XGBClassifier(enable_categorical=True, random_state=seed, n_jobs=2)
    model.fit(learn, cut.learn_truth)
    return np.asarray(model.predict(judge, output_margin=True), dtype=np.float64)


def forest(question: Question, cut: Cut, seed: int = 0) -> Floats:
    """What the same script says with a random forest."""
    if question.texts:
        learn, judge = hashed_texts(question, cut)
    else:
        learn, judge = (
            part.apply(lambda c: c.cat.codes if c.name in question.categories else c).fillna(-1)
            for part in columns(question, cut)
        )
    model = RandomForestClassifier(random_state=seed, n_jobs=2)
    model.fit(learn, cut.learn_truth)
    return np.asarray(model.predict_proba(judge)[:, 1], dtype=np.float64)


def hashed_texts(question: Question, cut: Cut) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Trigrams of the texts of the learning and of the judged rows, hashed."""
    hashed = HashingVectorizer(analyzer="char", ngram_range=(3, 3), n_features=4096, norm=None)
    learn, judge = (
        sp.hstack([hashed.transform(part[t].fillna("")) for t in question.texts]).tocsr()
        for part in (cut.learn, cut.judge)
    )
    return learn, judge


def columns(question: Question, cut: Cut) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers and categories of the learning and of the judged rows, as they lie in the file."""
    both = pd.concat([cut.learn, cut.judge])[[*question.numbers, *question.categories]].copy()
    for name in question.numbers:
        both[name] = pd.to_numeric(both[name], errors="coerce")
    for name in question.categories:
        both[name] = both[name].astype("category")
    return both.iloc[: len(cut.learn)], both.iloc[len(cut.learn) :]


def best_column(question: Question, cut: Cut) -> tuple[str, Floats]:
    """The column that ranks the learning rows best, and what it says of the judged ones."""
    scored: dict[str, tuple[Floats, Floats]] = {}
    for name in question.numbers:
        learn, judge = (
            pd.to_numeric(part[name], errors="coerce").to_numpy(np.float64)
            for part in (cut.learn, cut.judge)
        )
        for sign in (1, -1):
            scored[("" if sign > 0 else "-") + name] = (
                _filled(sign * learn),
                _filled(sign * judge),
            )
    for name in question.categories:
        scored[name] = _shares(cut, name)
    for name in question.texts:
        lengths = (part[name].fillna("").str.len() for part in (cut.learn, cut.judge))
        learn, judge = (length.to_numpy(np.float64) for length in lengths)
        scored[f"length({name})"] = (learn, judge)
    best = max(scored, key=lambda name: average_precision(cut.learn_truth, scored[name][0]))
    return best, scored[best][1]


def _filled(values: Floats) -> Floats:
    return np.where(np.isnan(values), -np.inf, values)


def _shares(cut: Cut, name: str) -> tuple[Floats, Floats]:
    overall = cut.learn_truth.mean()
    grouped = pd.Series(cut.learn_truth).groupby(cut.learn[name].astype(str).to_numpy())
    share = (grouped.sum() + SMOOTHING * overall) / (grouped.count() + SMOOTHING)
    learn, judge = (
        part[name].astype(str).map(share).fillna(overall).to_numpy(np.float64)
        for part in (cut.learn, cut.judge)
    )
    return learn, judge


def low_of(truth: NDArray[np.int8], scores: Floats, seed: int = 0) -> float:
    """Lower end of the 90 % bootstrap interval of average precision."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(RESAMPLES):
        rows = draw.integers(0, len(truth), len(truth))
        if truth[rows].any():
            found.append(average_precision(truth[rows], scores[rows]))
    return float(np.quantile(found, 0.05))


def figures(truth: NDArray[np.int8], scores: Floats, shown: int) -> dict[str, float]:
    """Average precision, recall at 1 % false positives, and what the highest *shown* hold."""
    order = np.argsort(-scores, kind="stable")
    ranked = truth[order] == 1
    false = np.cumsum(~ranked)
    allowed = int((false <= FALSE_POSITIVE_RATE * max(false[-1], 1)).sum())
    hits = int(ranked[:shown].sum())
    return {
        "average_precision": average_precision(truth, scores),
        "recall_at_1_percent": float(ranked[:allowed].sum() / ranked.sum()),
        "precision_at_budget": hits / min(shown, len(truth)),
        "recall_at_budget": float(hits / ranked.sum()),
    }


def answers(question: Question, data: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """One row for each source of *question*."""
    detector = load_detector(ROOT / "benchmarks" / "detectors" / f"{question.detector}.yml")
    rows = question.rows(data)
    cut = cut_of(question, detector, rows)
    say(f"{question.name}: {len(cut.learn):,} rows learnt from, {len(cut.judge):,} judged")
    with tempfile.TemporaryDirectory() as folder:
        chosen, own = ours(question, detector, rows, cut, Path(folder))
    script, trees = plain(question, cut), forest(question, cut)
    column, single = best_column(question, cut)
    sources = cut.judge["source"].to_numpy()
    found = []
    for source in sorted(set(sources)):
        mine = sources == source
        truth = cut.judge_truth[mine]
        if not truth.any():
            continue
        times = cut.judge["@timestamp"][mine]
        days = max((times.max() - times.min()) / pd.Timedelta(days=1), 1.0)
        shown = round(detector.alerts.budget * days)
        each = {
            name: figures(truth, scores[mine], shown)
            for name, scores in zip(WHO, (own, script, trees, single), strict=True)
        }
        found.append(
            {
                "set": question.name, "source": source, "rows": len(truth),
                "positives": int(truth.sum()),
                **{name: each[name]["average_precision"] for name in each},
                "plain_low": low_of(truth, script[mine]),
                "chosen": chosen, "best_column": column, "figures": each,
            }
        )  # fmt: skip
    return found


def table(found: Sequence[dict[str, Any]]) -> None:
    """Print average precision, recall at 1 % false positives, precision and recall at budget."""
    print(
        f"{'set':<24}{'source':<17}{'rows':>9}{'positive':>9}  {'ours':>6}{'plain':>7}{'low':>7}"
        f"{'forest':>8}{'column':>8}   {'recall@1%FP':<22}   {'precision@budget':<22}   "
        f"{'recall@budget':<22}   chosen"
    )
    for row in found:
        parts = [
            "  ".join(f"{row['figures'][who][what]:.2f}" for who in WHO)
            for what in ("recall_at_1_percent", "precision_at_budget", "recall_at_budget")
        ]
        mark = "" if row["ours"] >= row["plain_low"] else "  BELOW"
        print(
            f"{row['set']:<24}{row['source']:<17}{row['rows']:>9,}{row['positives']:>9,}  "
            f"{row['ours']:>6.3f}{row['plain']:>7.3f}{row['plain_low']:>7.3f}{row['forest']:>8.3f}"
            f"{row['column']:>8.3f}   {'   '.join(parts)}   {row['chosen']}{mark}"
        )


def main() -> None:
    """Run every set, or one, and print a table or JSON."""
    parser = argparse.ArgumentParser(description="Quality on real data.")
    beside = os.environ.get("SCOREBACK_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("data", nargs="?", type=Path, default=Path(beside))
    parser.add_argument("--only", choices=[question.name for question in QUESTIONS])
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        raise SystemExit(f"there is no folder {arguments.data}")

    def say(text: str) -> None:
        if not arguments.json:
            print(text, flush=True)

    found: list[dict[str, Any]] = []
    for question in QUESTIONS:
        if arguments.only in (None, question.name):
            found += answers(question, arguments.data, say)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        table(found)


if __name__ == "__main__":
    main()
