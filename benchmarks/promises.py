"""Promise and keep: the precision that each training promised, against what came afterwards.

For several days of each history a detector is trained as of that day, with the labels that existed
then. Its promise is what the training says of its winner at the alert budget: precision with its
90 % interval, and alerts a day. Then the winner scores the days after, which it never saw, and
shows as many alerts as the budget allows: budget times days by rank, after cap and throttle. What
labels said of those alerts in the end is what came.

- The five shared sets, with the detectors of benchmarks/detectors: the days by which 55, 70 and
  85 % of the rows have come. Those days may drift, and some do on purpose (another network).
- The simulated company, with the demo's detectors: days 20, 25 and 30 of 40 for each seed. Labels
  are what its team finds out by itself; nobody closes alerts of ours, so an alert without a label
  counts as false in the promise and in what came.

Figures: the share of promises whose interval held what came, the median of promised to realised
precision, and alerts a day that the threshold of the training would have raised, against the
budget. A training that was refused promises nothing; it is counted and named.

An interval is for days like the judged ones. So the share is also given for those promises alone
after which scoring would not have said that the version is not at home: the same comparison is made
of the days that came.

Needs the data folder for the sets (read only; the workspaces are temporary folders), about 2 GB of
memory and, all told, some ten minutes on two cores.

``python benchmarks/promises.py [DATA_FOLDER] [--only NAME] [--seeds N] [--ahead DAYS] [--json]``;
the folder is else ``SCOREBACK_DATA``, else ``../shared/data`` beside this repository.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from quality_sets import QUESTIONS, Question

from scoreback.connectors.doors import LoadMapping
from scoreback.errors import TrainingRefused
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.home import compare
from scoreback.models.judging.reference import ENTITY
from scoreback.models.judging.threshold import openings, suppression_of
from scoreback.models.labels.truths import truths_as_of
from scoreback.models.training.training import Training, train
from scoreback.multivalue import firsts
from scoreback.records import EventBatch, LabelBatch
from scoreback.service.app import App, opened
from scoreback.service.demo.company import Company
from scoreback.service.demo.play import DETECTORS, FILES, START
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import read_training_data
from scoreback.suppression import DAY_US, Suppression
from scoreback.times import micros, moment

ROOT = Path(__file__).resolve().parents[1]
CUTS = (0.55, 0.7, 0.85)  # shares of a set's rows
COMPANY_CUTS = (20, 25, 30)  # days
LONG = timedelta(days=3650)
IN_THE_END = datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A detector's whole history, with windows as they were when each event came."""

    name: str
    group: str  # set or company
    detector: Detector
    rows: pa.Table
    labels: pa.Table
    cuts: tuple[datetime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One training, and what became of its promise. None where there is nothing to divide by."""

    history: str
    group: str
    as_of: str
    days: float  # that came after, and were judged
    budget: float
    refused: str = ""
    chosen: str = ""
    promised: float | None = None
    low: float | None = None
    high: float | None = None
    promised_recall: float | None = None
    promised_alerts: float | None = None  # a day
    came: float | None = None  # precision of as many alerts as the budget allows
    came_labelled: float | None = None  # the same among alerts with a label
    came_recall: float | None = None  # positives that are part of these alerts
    alerts: int = 0
    threshold_alerts: float | None = None  # a day, by the threshold of the training
    drift: tuple[str, ...] = ()  # why scoring would say that the version is not at home

    @property
    def held(self) -> bool | None:
        """Whether the interval held what came."""
        if self.low is None or self.high is None or self.came is None:
            return None
        return self.low <= self.came <= self.high

    @property
    def ratio(self) -> float | None:
        """Promised to realised precision; infinite where nothing true came."""
        if self.promised is None or self.came is None:
            return None
        if not self.came:
            return float("inf") if self.promised else 1.0
        return self.promised / self.came


def kept(history: History, as_of: datetime, ahead: timedelta) -> Promise:
    """Train as of *as_of*, and see what came within *ahead*."""
    rows, detector = history.rows, history.detector
    times = rows["event_time"].cast(pa.int64()).to_numpy()
    cut = micros(as_of)
    until = min(cut + ahead // timedelta(microseconds=1), int(times.max()) + 1)
    days = max((until - cut) / DAY_US, 1.0)
    budget = detector.alerts.budget
    said = partial(
        Promise,
        history=history.name, group=history.group, as_of=f"{as_of:%Y-%m-%d %H:%M}", days=days,
        budget=budget,
    )  # fmt: skip
    past = pc.less_equal(rows["arrival_time"], pa.scalar(as_of, rows["arrival_time"].type))
    try:
        training = train(detector, rows.filter(past), history.labels, as_of)
    except TrainingRefused as error:
        return said(refused=error.message)
    after = rows.filter(pa.array((times >= cut) & (times < until)))
    after = after.sort_by([("event_time", "ascending"), ("event_id", "ascending")])
    truth = _truth(after, history.labels, detector)
    scored = Scorer(training.artifact).score(after)
    entities = after["entity"].combine_chunks().dictionary_encode().indices
    units = _Units(
        times=after["event_time"].cast(pa.int64()).to_numpy(),
        entities=pc.fill_null(entities, -1).to_numpy().astype(np.int64),
        rule=suppression_of(detector),
    )
    hits, shown = units.highest(scored.margins, round(budget * days))
    at = training.evaluation.at_budget
    labelled = truth[shown] >= 0
    over = np.flatnonzero(scored.scores >= training.artifact.manifest.threshold)
    return said(
        chosen=training.chosen,
        promised=at.precision,
        low=at.precision_low,
        high=at.precision_high,
        promised_recall=at.recall,
        promised_alerts=at.alerts_per_day,
        came=_share(truth[shown] == 1),
        came_labelled=_share(truth[shown][labelled] == 1),
        came_recall=_share(np.isin(np.flatnonzero(truth == 1), hits)),
        alerts=len(shown),
        threshold_alerts=len(units.opened(over)) / days,
        drift=_drift(training, after, scored.scores),
    )


def _drift(training: Training, rows: pa.Table, scores: NDArray[np.float64]) -> tuple[str, ...]:
    """Why scoring *rows* would say that the version is not at home; nothing where it is."""
    reference = training.artifact.reference
    if reference is None or not rows.num_rows:
        return ()
    rows = rows.append_column(ENTITY, firsts(rows["entity"]))
    counts = reference.counted(rows, scores, ENTITY)
    home = compare(reference, counts)
    return () if home is None else home.reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class _Units:
    """Units in order of time, and what becomes of alerts on them."""

    times: NDArray[np.int64]
    entities: NDArray[np.int64]
    rule: Suppression

    def opened(self, hits: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of *hits*, ascending, that open an alert."""
        return hits[openings(self.times[hits], self.entities[hits], self.rule)]

    def highest(
        self, scores: NDArray[np.float64], most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Units of the highest *scores* that make *most* alerts or fewer, and those that open."""
        order = np.argsort(-scores, kind="stable")
        least, over = 0, len(order) + 1  # units that are within, and that are not
        while over - least > 1:
            middle = (least + over) // 2
            if len(self.opened(np.sort(order[:middle]))) <= most:
                least = middle
            else:
                over = middle
        hits = np.sort(order[:least])
        return hits, self.opened(hits)


def _truth(rows: pa.Table, labels: pa.Table, detector: Detector) -> NDArray[np.int8]:
    """What was known of each row in the end: 1, 0, or -1."""
    truths = truths_as_of(labels, detector, IN_THE_END)
    place = pc.index_in(rows["event_id"].combine_chunks(), value_set=truths.event_ids)
    found: NDArray[np.int8] = np.append(truths.truth, np.int8(-1))[
        pc.fill_null(place, len(truths.event_ids)).to_numpy()
    ]
    return found


def _share(mask: NDArray[np.bool_]) -> float | None:
    return float(mask.mean()) if len(mask) else None


def set_history(question: Question, data: Path, folder: Path) -> History:
    """The whole history of one shared set."""
    detector = load_detector(ROOT / "benchmarks" / "detectors" / f"{question.detector}.yml")
    table = question.rows(data).sort_values("@timestamp", kind="stable")
    table.to_csv(folder / "rows.csv", index=False)
    times = table["@timestamp"].astype("int64").to_numpy() // 1000
    if str(table["@timestamp"].dtype).startswith("datetime64[us"):
        times = table["@timestamp"].astype("int64").to_numpy()
    cuts = [int(times[int(share * len(times))]) for share in CUTS]
    if times[-1] - times[0] > 8 * DAY_US:  # as a schedule would: at midnight
        cuts = [cut // DAY_US * DAY_US for cut in cuts]
    with opened(Settings(home=folder / "home")) as app:
        exports = app.connector.exports
        if exports is None:
            raise SystemExit("the embedded SIEM takes no exports")
        mapping = LoadMapping(time="@timestamp", id="id")
        exports.load(folder / "rows.csv", detector.events["local"]["stream"], mapping)
        return _history(app, question.name, "set", detector, cuts, int(times[-1]))


def company_history(seed: int, stream: str, file: str, folder: Path) -> History:
    """The whole history of one stream of the simulated company."""
    company = Company(seed, START)
    detector = load_detector(FILES / file)
    with opened(Settings(home=folder / "home")) as app:
        intake = app.connector.intake
        if intake is None:
            raise SystemExit("the embedded SIEM takes no events")
        for day in company.days(stream):  # type: ignore[arg-type]
            ref = pa.field("event_ref", pa.string(), nullable=False)
            events = day.events.add_column(1, ref, day.events["event_id"])
            for batch in events.combine_chunks().to_batches():
                intake.add_events(stream, EventBatch(batch))
        for batch in company.verdicts(stream).combine_chunks().to_batches():  # type: ignore[arg-type]
            if batch.num_rows:
                intake.add_verdicts(LabelBatch(batch))
        cuts = [micros(START + timedelta(days=day)) for day in COMPANY_CUTS]
        end = micros(START + timedelta(days=company.days_count + 10))  # the last verdicts are in
        name = f"company {seed}: {detector.name}"
        return _history(app, name, "company", detector, cuts, end)


def _history(
    app: App, name: str, group: str, detector: Detector, cuts: Sequence[int], end: int
) -> History:
    longer = detector.train.model_copy(update={"history": LONG})
    reading = detector.model_copy(update={"train": longer})
    data = read_training_data(app, reading, moment(end + 1_000_000))
    return History(
        name=name, group=group, detector=detector, rows=data.rows, labels=data.labels,
        cuts=tuple(map(moment, sorted(set(cuts)))),
    )  # fmt: skip


def histories(data: Path, seeds: int, only: str | None) -> Iterator[History]:
    """Every history that is asked for, one at a time."""
    for question in QUESTIONS:
        if only in (None, "sets", question.name):
            with tempfile.TemporaryDirectory() as folder:
                yield set_history(question, data, Path(folder))
    if only in (None, "company"):
        for seed in range(1, seeds + 1):
            for stream, file in DETECTORS:
                with tempfile.TemporaryDirectory() as folder:
                    yield company_history(seed, stream, file, Path(folder))


def summary(promises: Sequence[Promise]) -> dict[str, dict[str, float | int | None]]:
    """The figures for each group and for all."""
    groups = {group: [p for p in promises if p.group == group] for group in ("set", "company")}
    found = {}
    for name, mine in (*groups.items(), ("all", list(promises))):
        held = [p.held for p in mine if p.held is not None]
        at_home = [p.held for p in mine if p.held is not None and not p.drift]
        ratios = [p.ratio for p in mine if p.ratio is not None]
        rates = [p.threshold_alerts / p.budget for p in mine if p.threshold_alerts is not None]
        found[name] = {
            "promises": len(held),
            "refused": sum(1 for p in mine if p.refused),
            "held": sum(held) / len(held) if held else None,
            "at_home": len(at_home),
            "held_at_home": sum(at_home) / len(at_home) if at_home else None,
            "median_ratio": statistics.median(ratios) if ratios else None,
            "median_alerts_to_budget": statistics.median(rates) if rates else None,
        }
    return found


def table(promises: Sequence[Promise]) -> None:
    """Print a line for each training, then the figures."""
    print(
        f"{'history':<34}{'as of':<18}{'days':>5}{'budget':>7}  {'promised (90 %)':<20}{'came':>6}"
        f"{'held':>6}{'ratio':>7}{'recall':>15}{'by threshold':>13}  chosen"
    )
    for p in promises:
        begin = f"{p.history:<34}{p.as_of:<18}{p.days:>5.1f}{p.budget:>7g}  "
        if p.refused:
            print(f"{begin}refused: {p.refused[:110]}")
            continue
        said = f"{_two(p.promised)} ({_two(p.low)} to {_two(p.high)})"
        recall = f"{_two(p.promised_recall)} to {_two(p.came_recall)}"
        held = "-" if p.held is None else "yes" if p.held else "NO"
        print(
            f"{begin}{said:<20}{_two(p.came):>6}{held:>6}{_two(p.ratio):>7}{recall:>15}"
            f"{_two(p.threshold_alerts):>13}  {p.chosen}{', not at home' if p.drift else ''}"
        )
    for name, found in summary(promises).items():
        print(
            f"{name}: {found['promises']} promises ({found['refused']} refused), held"
            f" {_two(found['held'])} ({found['at_home']} at home: {_two(found['held_at_home'])}),"
            f" median of promised to realised precision"
            f" {_two(found['median_ratio'])}, of alerts by the threshold to the budget"
            f" {_two(found['median_alerts_to_budget'])}"
        )


def _finite(found: Mapping[str, Any]) -> dict[str, Any]:
    """*found* as JSON can say it, which knows nothing infinite."""
    return {name: None if value == float("inf") else value for name, value in found.items()}


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def main() -> None:
    """Keep every promise, and print a table or JSON."""
    parser = argparse.ArgumentParser(description="Promised against realised precision.")
    beside = os.environ.get("SCOREBACK_DATA", str(ROOT.parent / "shared" / "data"))
    parser.add_argument("data", nargs="?", type=Path, default=Path(beside))
    names = [question.name for question in QUESTIONS]
    parser.add_argument("--only", choices=[*names, "sets", "company"])
    parser.add_argument("--seeds", type=int, default=1, help="companies")
    parser.add_argument("--ahead", type=float, default=7.0, help="days that are judged")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.only != "company" and not arguments.data.is_dir():
        raise SystemExit(f"there is no folder {arguments.data}")
    say: Callable[[str], None] = (lambda _: None) if arguments.json else print
    promises: list[Promise] = []
    for history in histories(arguments.data, arguments.seeds, arguments.only):
        for cut in history.cuts:
            say(f"{history.name}: {history.rows.num_rows:,} rows, training as of {cut:%Y-%m-%d}")
            promises.append(kept(history, cut, timedelta(days=arguments.ahead)))
    if arguments.json:
        lines = [_finite(asdict(p) | {"held": p.held, "ratio": p.ratio}) for p in promises]
        figures = {name: _finite(found) for name, found in summary(promises).items()}
        print(json.dumps({"promises": lines, "summary": figures}, indent=2))
    else:
        table(promises)


if __name__ == "__main__":
    main()
