"""Does the alert budget hold, every day? The simulated company, played with several seeds.

For each seed and detector the demo's story is played: a model trained on 25 days runs for ten, the
next for five, with drift and a new attack between. Each run's alerts are held against

- *fixed*: the threshold of its training, never moved;
- *hindsight*: each day's own best threshold, which nobody can know.

A run counts where each of its days holds enough above the floor to use the budget up: the column
"scarcest" is the day with fewest such alerts over the budget. Where that is near 1 only hindsight
shows them all, as nobody knows in the morning that a day will hold no more than the budget; runs
whose days hold half as many again are therefore also summed up apart. Other columns: alerts a day
over the budget, a day's deviation from the budget (90th percentile), the worst day, and true alerts
over those of hindsight. The days of runs beyond 0.9 to 1.1 are listed beneath the table.

Days are counted as the budget counts them: a late event on the day when it turned up.

With a folder of data, the alerts of five networks and two years of CVE records are played in time
order, too: what a model of the earlier part does to the later.

``python benchmarks/budget.py [DATA_FOLDER] [--json] [--seeds N] [--only DETECTOR]``
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from real_data import DETECTORS, Workspace, with_network

from scoreback.connectors.doors import AlertQuery, ScoreQuery
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.threshold import ScoredUnits, fit_threshold, suppression_of
from scoreback.records import TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.play import DETECTORS as STORIES
from scoreback.service.demo.play import START, play
from scoreback.service.demo.story import Calendar
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.scoring.pacing import seen_at
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.training.train_job import read_training_data
from scoreback.suppression import DAY_US
from scoreback.times import micros

SEEDS = (7, 11, 23, 42, 99)
DAYS = Calendar(first_training=25, second_training=35, gate=False)
WITHIN = (0.9, 1.1)  # of the budget, on average over a run
AMPLE = 1.5  # budgets above the floor on each day: there is something to choose from
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One model's days."""

    detector: str
    seed: int
    model: str
    budget: float
    enough: bool  # above the floor, to use the budget up
    shown: tuple[int, ...]  # alerts of each day
    above_floor: tuple[int, ...]  # alerts of each day, had everything above the floor been shown
    per_budget: float
    deviations: tuple[float, ...]  # of each day
    worst_day: float
    true_per_hindsight: float
    fixed_per_budget: float
    fixed_worst_day: float

    @property
    def scarcest(self) -> float:
        """The day with fewest alerts above the floor, over the budget."""
        return min(self.above_floor) / self.budget


def runs(seed: int, only: str | None) -> Iterator[Run]:
    """Play every detector's story with *seed*."""
    company = Company(seed, START)
    for stream, file in STORIES:
        if only is not None and only not in file:
            continue
        with (
            tempfile.TemporaryDirectory() as folder,
            opened(Settings(home=Path(folder))) as app,
        ):
            story = play(app, company, stream, file, lambda _said: None, calendar=DAYS)
            shown = app.connector.alerts
            if shown is None:
                raise TypeError("the embedded SIEM shows its alerts")
            for model, outcome, since, until in (
                ("first", story.first, DAYS.first_training, DAYS.second_training),
                ("second", story.second, DAYS.second_training, DAYS.end),
            ):
                scorer = Scorer(load_artifact(app, story.detector, outcome.version))
                lag = scorer.artifact.lag
                days = _days(app, company, story.detector, lag, since, until)
                truth = _truth(company, stream, days)
                live = {
                    alert.event_id
                    for alert in shown.find(AlertQuery(detector=story.detector.name))
                    if alert.version == outcome.version.version
                }
                scored = _scored(days, scorer.score(days).scores, truth, live)
                scored = replace(scored, days=seen_at(days, lag) // DAY_US)
                yield _run(
                    story.detector, seed, model, scored,
                    scorer.artifact.manifest.threshold,
                )  # fmt: skip


def _days(
    app: App, company: Company, detector: Detector, lag: timedelta, since: int, until: int
) -> pa.Table:
    """What the budgets of days *since* to *until* are spent on."""
    rows = read_training_data(app, detector, company.start + timedelta(days=DAYS.end)).rows
    seen = seen_at(rows, lag)
    low, high = (micros(company.start + timedelta(days=n)) for n in (since, until))
    rows = rows.filter(pa.array((seen >= low) & (seen < high)))
    return rows.sort_by([("event_time", "ascending"), ("event_id", "ascending")])


def _truth(company: Company, stream: StreamName, rows: pa.Table) -> Mask:
    truth = company.truth(stream)
    place = pc.index_in(rows["event_id"], value_set=truth["event_id"].combine_chunks())
    attack: Mask = truth["attack"].take(place).to_numpy()
    return attack


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a model scored, one element a unit, and which units opened an alert."""

    times: NDArray[np.int64]
    days: NDArray[np.int64]  # on which the budget counts each
    entities: NDArray[np.int64]  # codes; -1 where absent
    scores: NDArray[np.float64]
    shown: Mask
    truth: Mask


def _scored(rows: pa.Table, scores: NDArray[np.float64], truth: Mask, live: set[str]) -> Scored:
    entities = rows["entity"].combine_chunks().dictionary_encode().indices
    named = pa.array(sorted(live), pa.string())
    shown = pc.is_in(rows["event_id"].combine_chunks(), value_set=named)
    times = rows["event_time"].cast(pa.int64()).to_numpy()
    return Scored(
        times=times,
        days=times // DAY_US,
        entities=entities.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64),
        scores=scores,
        shown=shown.to_numpy(zero_copy_only=False),
        truth=truth,
    )


def _run(detector: Detector, seed: int, model: str, scored: Scored, fixed: float) -> Run:
    rule, budget = suppression_of(detector), detector.alerts.budget
    floor = detector.alerts.least_precision
    counts, by_fixed, best_true, above = list[int](), list[int](), 0, list[int]()
    for one in np.unique(scored.days):
        here = np.flatnonzero(scored.days == one)
        units = ScoredUnits(
            times=scored.times[here],
            entities=scored.entities[here],
            scores=scored.scores[here],
            span=timedelta(days=1),
        )
        counts.append(int(scored.shown[here].sum()))
        by_fixed.append(len(units.alerts(fixed, rule)))
        best = units.alerts(fit_threshold(units, budget, rule, floor).value, rule)
        best_true += int(scored.truth[here][best].sum())
        above.append(len(units.alerts(floor, rule)))
    deviations = np.abs(np.array(counts) / budget - 1)
    return Run(
        detector=detector.name,
        seed=seed,
        model=model,
        budget=budget,
        enough=min(above) >= budget,
        shown=tuple(counts),
        above_floor=tuple(above),
        per_budget=float(np.mean(counts)) / budget,
        deviations=tuple(deviations.round(3).tolist()),
        worst_day=max(counts) / budget,
        true_per_hindsight=int(scored.truth[scored.shown].sum()) / max(best_true, 1),
        fixed_per_budget=float(np.mean(by_fixed)) / budget,
        fixed_worst_day=max(by_fixed) / budget,
    )


def real_runs(data: Path) -> Iterator[Run]:
    """The real sets, played in time order: what a model of the earlier part does to the later."""
    with tempfile.TemporaryDirectory() as folder:
        ait = Workspace(Path(folder) / "ait")
        ait.load("load", with_network(data, Path(folder)), "ait", "id", "time")
        yield _played(ait, "ait_alerts", "2022-01-19", "2022-02-01")
        cve = Workspace(Path(folder) / "cve")
        records = [data / "cve-kev" / "cves.csv.gz"]
        cve.load("load", records, "cve", "cve_id", "date_published")
        for name in ("cve_kev", "cve_exploitation"):
            yield _played(cve, name, "2024-06-01", "2024-08-01")


def _played(workspace: Workspace, name: str, trained: str, until: str) -> Run:
    file = DETECTORS / f"{name}.yml"
    workspace.run("train", "train", file, "--as-of", trained, "--promote")
    workspace.run("score", "score", file, "--since", trained, "--until", until)
    detector = load_detector(file)
    labels = detector.labels.field
    if labels is None:
        raise SystemExit(f"{name} has no label field: nothing says which alerts are true")
    with opened(Settings(home=workspace.home)) as app:
        version = Versions(app.state).champion(name)
        if version is None:
            raise SystemExit(f"{name} has no version that scores")
        fixed = load_artifact(app, detector, version).manifest.threshold
        end = datetime.fromisoformat(until).replace(tzinfo=UTC)
        begin = datetime.fromisoformat(trained).replace(tzinfo=UTC)
        window = TimeWindow(since=begin, until=end)
        found = app.connector.scores.read(ScoreQuery(detector=name, window=window))
        scores = pa.Table.from_batches([one.batch for one in found])
        alerts = app.connector.alerts
        live = {a.event_id for a in alerts.find(AlertQuery(detector=name))} if alerts else set()
        query = app.query(detector)
        events = pa.concat_tables(
            pa.Table.from_batches([batch.batch]).select(["event_id", labels.name])
            for part in app.connector.events.slices(query, window)
            for batch in app.connector.events.read(part)
        )
    place = pc.index_in(scores["event_id"], value_set=events["event_id"].combine_chunks())
    told = events[labels.name].take(place).cast(pa.string())
    truth = pc.is_in(told, value_set=pa.array(labels.positive)).combine_chunks()
    scored = _scored(scores, scores["score"].to_numpy(), truth.to_numpy(zero_copy_only=False), live)
    return _run(detector, 0, "later", scored, fixed)


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--only")
    given = parser.parse_args()
    found: list[Run] = []
    for seed in SEEDS[: given.seeds]:
        print(f"seed {seed}", file=sys.stderr)
        found.extend(runs(seed, given.only))
    if given.data is not None:
        found.extend(real_runs(given.data))
    figures = summary(found)
    if given.json:
        print(json.dumps({"summary": figures, "runs": [asdict(run) for run in found]}, indent=1))
        return
    table(found)
    for name, value in figures.items():
        print(f"{name:20} {value}")


def summary(found: Sequence[Run]) -> dict[str, object]:
    """The figures of all runs; budgets and deviations are of those with enough above the floor."""
    counted = [run for run in found if run.enough]
    figures: dict[str, object] = {
        "runs": len(found),
        "with_enough": len(counted),
        "worst_day": max(r.worst_day for r in found),
        "fixed_worst_day": max(r.fixed_worst_day for r in found),
    }
    if not counted:
        return figures
    every_day = [d for r in counted for d in r.deviations]
    ample = [r.per_budget for r in counted if r.scarcest >= AMPLE]
    return figures | {
        "per_budget": _ends([r.per_budget for r in counted]),
        "within": sum(WITHIN[0] <= r.per_budget <= WITHIN[1] for r in counted),
        "with_ample": len(ample),
        "per_budget_ample": _ends(ample) if ample else None,
        "deviation_median": float(np.median(every_day)),
        "deviation_p90": float(np.quantile(every_day, 0.9)),
        "true_per_hindsight": float(np.mean([r.true_per_hindsight for r in counted])),
        "fixed_per_budget": _ends([r.fixed_per_budget for r in counted]),
    }


def _ends(figures: Sequence[float]) -> list[float]:
    return [round(min(figures), 3), round(max(figures), 3)]


def table(found: Sequence[Run]) -> None:
    """Print a line for each run, then the days of those that are off."""
    print(f"{'detector':18}{'seed':>5} {'model':7}{'scarcest':>9}{'÷ budget':>9}{'p90 dev.':>9}"
          f"{'worst':>7}{'true ÷ hindsight':>18}{'fixed ÷ budget':>16}"
          f"{'fixed worst':>12}")  # fmt: skip
    for r in found:
        mark = "" if r.enough else "  (too little above the floor)"
        print(f"{r.detector:18}{r.seed:>5} {r.model:7}{r.scarcest:>9.2f}{r.per_budget:>9.2f}"
              f"{np.quantile(r.deviations, 0.9):>9.2f}{r.worst_day:>7.2f}"
              f"{r.true_per_hindsight:>18.2f}{r.fixed_per_budget:>16.2f}"
              f"{r.fixed_worst_day:>12.2f}{mark}")  # fmt: skip
    for r in found:
        if not WITHIN[0] <= r.per_budget <= WITHIN[1]:
            print(f"{r.detector} {r.seed} {r.model}, alerts of each day for a budget of"
                  f" {r.budget:g}: {_listed(r.shown)}; above the floor were"
                  f" {_listed(r.above_floor)}")  # fmt: skip


def _listed(counts: Sequence[int]) -> str:
    return ", ".join(map(str, counts))


if __name__ == "__main__":
    main()
