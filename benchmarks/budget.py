"""Does the alert budget hold, every day? The simulated company, played with several seeds.

For each seed and detector the demo's story is played: a model trained on 25 days runs for ten, the
next for five, with drift and a new attack between. Each run's alerts are held against

- *fixed*: the threshold of its training, never moved;
- *hindsight*: each day's own best threshold, which nobody can know.

A run counts where the days hold enough above the floor to use the budget up. Columns: alerts a day
over the budget, a day's deviation from the budget (median and 90th percentile), the worst day, and
true alerts over those of hindsight.

``python benchmarks/budget.py [--json] [--seeds N] [--only DETECTOR]``
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.connectors.doors import AlertQuery
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.threshold import ScoredUnits, fit_threshold, suppression_of
from scoreback.service.app import App, opened
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.play import DETECTORS, END, FIRST_TRAINING, SECOND_TRAINING, START, play
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import read_training_data
from scoreback.suppression import DAY_US

SEEDS = (7, 11, 23, 42, 99)
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One model's days."""

    detector: str
    seed: int
    model: str
    enough: bool  # above the floor, to use the budget up
    per_budget: float
    deviations: tuple[float, ...]  # of each day
    worst_day: float
    true_per_hindsight: float
    fixed_per_budget: float
    fixed_worst_day: float


def runs(seed: int, only: str | None) -> Iterator[Run]:
    """Play every detector's story with *seed*."""
    company = Company(seed, START)
    for stream, file in DETECTORS:
        if only is not None and only not in file:
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            opened(Settings(home=Path(folder))) as app,
        ):
            story = play(app, company, stream, file, lambda _said: None)
            for model, outcome, since, until in (
                ("first", story.first, FIRST_TRAINING, SECOND_TRAINING),
                ("second", story.second, SECOND_TRAINING, END),
            ):
                scorer = Scorer(load_artifact(app, story.detector, outcome.version))
                days = _days(app, company, story.detector, since, until)
                truth = _truth(company, stream, days)
                live = {
                    alert.event_id
                    for alert in app.connector.alerts.find(AlertQuery(detector=story.detector.name))
                    if alert.version == outcome.version.version
                }
                scores = scorer.score(days).scores
                yield _run(
                    story.detector, seed, model, days, scores, truth, live,
                    scorer.artifact.manifest.threshold,
                )  # fmt: skip


def _days(app: App, company: Company, detector: Detector, since: int, until: int) -> pa.Table:
    rows = read_training_data(app, detector, company.start + timedelta(days=END)).rows
    times = rows["event_time"]
    low, high = (pa.scalar(company.start + timedelta(days=n), times.type) for n in (since, until))
    rows = rows.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))
    return rows.sort_by([("event_time", "ascending"), ("event_id", "ascending")])


def _truth(company: Company, stream: StreamName, rows: pa.Table) -> Mask:
    truth = company.truth(stream)
    place = pc.index_in(rows["event_id"], value_set=truth["event_id"].combine_chunks())
    return truth["attack"].take(place).to_numpy()


def _run(
    detector: Detector,
    seed: int,
    model: str,
    rows: pa.Table,
    scores: NDArray[np.float64],
    truth: Mask,
    live: set[str],
    fixed: float,
) -> Run:
    times = rows["event_time"].cast(pa.int64()).to_numpy()
    entities = rows["entity"].combine_chunks().dictionary_encode().indices
    codes = entities.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    ids = rows["event_id"].combine_chunks()
    shown = pc.is_in(ids, value_set=pa.array(sorted(live), pa.string())).to_numpy(
        zero_copy_only=False
    )
    rule, budget = suppression_of(detector), detector.alerts.budget
    floor = detector.alerts.least_precision
    day = times // DAY_US
    counts, by_fixed, best_true, enough = [], [], 0, []
    for one in np.unique(day):
        here = np.flatnonzero(day == one)
        units = ScoredUnits(
            times=times[here], entities=codes[here], scores=scores[here], span=timedelta(days=1)
        )
        counts.append(int(shown[here].sum()))
        by_fixed.append(len(units.alerts(fixed, rule)))
        best = units.alerts(fit_threshold(units, budget, rule, floor).value, rule)
        best_true += int(truth[here][best].sum())
        enough.append(len(units.alerts(floor, rule)) >= budget)
    deviations = np.abs(np.array(counts) / budget - 1)
    return Run(
        detector=detector.name,
        seed=seed,
        model=model,
        enough=all(enough),
        per_budget=float(np.mean(counts)) / budget,
        deviations=tuple(deviations.round(3).tolist()),
        worst_day=max(counts) / budget,
        true_per_hindsight=int(truth[shown].sum()) / max(best_true, 1),
        fixed_per_budget=float(np.mean(by_fixed)) / budget,
        fixed_worst_day=max(by_fixed) / budget,
    )


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--only")
    given = parser.parse_args()
    found: list[Run] = []
    for seed in SEEDS[: given.seeds]:
        print(f"seed {seed}", file=sys.stderr)
        found.extend(runs(seed, given.only))
    counted = [run for run in found if run.enough]
    every_day = [d for run in counted for d in run.deviations]
    summary = {
        "runs": len(found),
        "with_enough": len(counted),
        "per_budget": [min(r.per_budget for r in counted), max(r.per_budget for r in counted)],
        "deviation_median": float(np.median(every_day)),
        "deviation_p90": float(np.quantile(every_day, 0.9)),
        "worst_day": max(r.worst_day for r in found),
        "true_per_hindsight": float(np.mean([r.true_per_hindsight for r in counted])),
        "fixed_per_budget": [
            min(r.fixed_per_budget for r in counted), max(r.fixed_per_budget for r in counted)
        ],
        "fixed_worst_day": max(r.fixed_worst_day for r in found),
    }  # fmt: skip
    if given.json:
        print(json.dumps({"summary": summary, "runs": [asdict(run) for run in found]}, indent=1))
        return
    print(f"{'detector':18}{'seed':>5} {'model':7}{'÷ budget':>9}{'p90 dev.':>9}{'worst':>7}"
          f"{'true ÷ hindsight':>18}{'fixed ÷ budget':>16}{'fixed worst':>12}")  # fmt: skip
    for r in found:
        mark = "" if r.enough else "  (too little above the floor)"
        print(f"{r.detector:18}{r.seed:>5} {r.model:7}{r.per_budget:>9.2f}"
              f"{np.quantile(r.deviations, 0.9):>9.2f}{r.worst_day:>7.2f}"
              f"{r.true_per_hindsight:>18.2f}{r.fixed_per_budget:>16.2f}"
              f"{r.fixed_worst_day:>12.2f}{mark}")  # fmt: skip
    for name, value in summary.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
