"""What wrong verdicts cost: a fifth of the labels turned round, at random.

The simulated company's detectors are trained twice on their first 25 days, with the verdicts as
analysts gave them and with a share of them turned round, and both models rank the ten days that
follow. Precision is that of the best units, as many as the budget has, by the truth of the
simulation, which no verdict knows.

The column *lost* is what is asked about: how much of the precision at budget the wrong verdicts
cost, mean over the seeds that a model came of. Where training *refused* to learn from them, nothing
is lost but the new model: the version before goes on.

``python benchmarks/noise.py [--json] [--seeds N] [--share 0.2]``
"""

import argparse
import json
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors import IntakeDoor
from scoreback.errors import TrainingRefused
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector
from scoreback.models.detector.spec import Detector
from scoreback.models.training.training import train
from scoreback.records import EVENT_COLUMNS, LABEL_COLUMNS, EventBatch, LabelBatch, Verdict
from scoreback.service.app import opened
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.play import DETECTORS, FILES, START
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import TrainingData, read_training_data

SEEDS = (7, 11, 23, 42, 99)
LEARNT, JUDGED = 25, 10  # days
_TURNED = {
    Verdict.TRUE_POSITIVE.value: Verdict.FALSE_POSITIVE.value,
    Verdict.FALSE_POSITIVE.value: Verdict.TRUE_POSITIVE.value,
    Verdict.BENIGN_POSITIVE.value: Verdict.TRUE_POSITIVE.value,
}


def arrive(intake: IntakeDoor, company: Company, stream: StreamName, days: int) -> None:
    """Put the first *days* of a stream of *company* into a SIEM, with the verdicts on them."""
    for day in list(company.days(stream))[:days]:
        fields = [f for f in day.events.schema if f.name not in EVENT_COLUMNS.names]
        table = day.events.add_column(1, "event_ref", day.events["event_id"])
        schema = pa.schema([*EVENT_COLUMNS, *fields])
        table = table.select(schema.names).cast(schema).combine_chunks()
        intake.add_events(stream, EventBatch(table.to_batches()[0]))
    verdicts = company.verdicts(stream).cast(LABEL_COLUMNS).combine_chunks()
    for batch in verdicts.to_batches():
        intake.add_verdicts(LabelBatch(batch))


def turned(labels: pa.Table, share: float, seed: int) -> pa.Table:
    """*labels*, of which a random *share* says the opposite."""
    draw = np.random.default_rng(seed).random(labels.num_rows)
    told = zip(labels["verdict"].to_pylist(), draw < share, strict=True)
    said = [_TURNED.get(verdict, verdict) if wrong else verdict for verdict, wrong in told]
    place = labels.column_names.index("verdict")
    return labels.set_column(place, "verdict", pa.array(said, labels["verdict"].type))


def precision(
    detector: Detector, data: TrainingData, labels: pa.Table, days: pa.Table
) -> float | None:
    """True ones among the best units of *days*, at the budget; None where training refuses."""
    as_of = START + timedelta(days=LEARNT)
    before = data.rows.filter(pc.less(data.rows["arrival_time"], pa.scalar(as_of)))
    try:
        trained = train(detector, before, labels, as_of)
    except TrainingRefused:
        return None
    scores = Scorer(trained.artifact).score(days).scores
    best = np.argsort(-scores, kind="stable")[: round(detector.alerts.budget * JUDGED)]
    return float(days["attack"].to_numpy()[best].mean())


def compared(seed: int, stream: StreamName, file: str, share: float) -> dict[str, Any]:
    """One detector of one company: with the verdicts as given, and with some turned round."""
    company, until = Company(seed, START), START + timedelta(days=LEARNT + JUDGED)
    detector = load_detector(FILES / file)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Settings(home=Path(folder))) as app,
    ):
        intake = app.connector.intake
        if intake is None:
            raise TypeError("the embedded SIEM takes sample events")
        arrive(intake, company, stream, LEARNT + JUDGED)
        data = read_training_data(app, detector, until)
    truth = company.truth(stream)
    times = data.rows["event_time"]
    since = pa.scalar(START + timedelta(days=LEARNT), times.type)
    days = data.rows.filter(pc.greater_equal(times, since))
    place = pc.index_in(days["event_id"], value_set=truth["event_id"].combine_chunks())
    days = days.append_column("attack", truth["attack"].take(place))
    given = precision(detector, data, data.labels, days)
    wrong = precision(detector, data, turned(data.labels, share, seed), days)
    return {"detector": detector.name, "seed": seed, "as_given": given, "turned": wrong}


def main() -> None:
    """Print what wrong verdicts cost each detector, or JSON."""
    parser = argparse.ArgumentParser(description="What wrong verdicts cost.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [
        compared(seed, stream, file, arguments.share)
        for seed in SEEDS[: arguments.seeds]
        for stream, file in DETECTORS
    ]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{arguments.share:.0%} of the verdicts turned round; precision at the budget")
    print(f"{'detector':<20} {'as given':>9} {'turned':>7} {'lost':>6} {'refused':>9}")
    for name in dict.fromkeys(row["detector"] for row in rows):
        mine = [row for row in rows if row["detector"] == name]
        both = [row for row in mine if None not in (row["as_given"], row["turned"])]
        refused = f"{len(mine) - len(both)} of {len(mine)}"
        if not both:
            print(f"{name:<20} {'-':>9} {'-':>7} {'-':>6} {refused:>9}")
            continue
        given = float(np.mean([row["as_given"] for row in both]))
        wrong = float(np.mean([row["turned"] for row in both]))
        lost = 1 - wrong / given
        print(f"{name:<20} {given:>9.1%} {wrong:>7.1%} {lost:>6.1%} {refused:>9}")


if __name__ == "__main__":
    main()
