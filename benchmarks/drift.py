"""How soon is drift seen, and how often is it seen where there is none?

Detectors of simulated companies are trained on their first 20 days; each later day is compared with
that training as `serve` does it, a day at a time. In one company nothing changes: there every "not
at home" is a false alarm. In the others, new, noisy software is rolled out on day 28: as much of it
as in the demo, or more (*rate*).

The claim is about false alarms: no more than one quiet day in twenty. How much has to change until
it is seen is what the other columns tell; a little of it is not, and shows in precision first.

``python benchmarks/drift.py [--json] [--seeds N]``
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
from noise import arrive

from scoreback.models.artifact.scoring import Scorer
from scoreback.models.detector.file import load_detector
from scoreback.models.judging.home import compare
from scoreback.models.judging.reference import ENTITY
from scoreback.models.training.training import train
from scoreback.multivalue import firsts
from scoreback.service.app import opened
from scoreback.service.demo.company import Company, StreamName
from scoreback.service.demo.difficulty import Difficulty
from scoreback.service.demo.play import DETECTORS, FILES, START
from scoreback.service.settings import Settings
from scoreback.service.training.train_job import read_training_data

LEARNT, DRIFTS, DAYS = 20, 28, 34
STREAMS = DETECTORS[:2]  # there is too little of the third in a day
NEVER = 10_000
RATES = (1.0, 3.0, 10.0)  # of the new software, by that of the demo


def away(seed: int, stream: StreamName, file: str, drifts: int, rate: float = 1.0) -> list[bool]:
    """Of each day after the training: whether the detector is said not to be at home."""
    hard = Difficulty(drift_day=drifts, drift_rate=rate, new_attack_day=NEVER)
    company = Company(seed, START, difficulty=hard)
    detector = load_detector(FILES / file)
    with (
        tempfile.TemporaryDirectory() as folder,
        opened(Settings(home=Path(folder))) as app,
    ):
        if app.connector.intake is None:
            raise TypeError("the embedded SIEM takes sample events")
        arrive(app.connector.intake, company, stream, DAYS)
        data = read_training_data(app, detector, START + timedelta(days=DAYS))
    as_of = START + timedelta(days=LEARNT)
    before = data.rows.filter(pc.less(data.rows["arrival_time"], pa.scalar(as_of)))
    artifact = train(detector, before, data.labels, as_of).artifact
    if artifact.reference is None:
        raise TypeError("a training keeps what it learnt from")
    rows = data.rows.append_column(ENTITY, firsts(data.rows["entity"]))
    scorer, times, found = Scorer(artifact), rows["event_time"], []
    for day in range(LEARNT, DAYS):
        low, high = (pa.scalar(START + timedelta(days=n), times.type) for n in (day, day + 1))
        here = rows.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))
        scores = scorer.score(here).scores
        home = compare(artifact.reference, artifact.reference.counted(here, scores, ENTITY))
        found.append(home is not None and not home.at_home)
    return found


def main() -> None:
    """Print delays and false alarms of each detector, or JSON."""
    parser = argparse.ArgumentParser(description="How soon is drift seen?")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    seeds = range(1, arguments.seeds + 1)
    rows: list[dict[str, Any]] = []
    for stream, file in STREAMS:
        name = load_detector(FILES / file).name
        quiet = [one for seed in seeds for one in away(seed, stream, file, NEVER)]
        rows.append({"detector": name, "rate": 0.0, "false_alarms": float(np.mean(quiet))})
        for rate in RATES:
            found = [away(seed, stream, file, DRIFTS, rate)[DRIFTS - LEARNT :] for seed in seeds]
            delays = [one.index(True) for one in found if any(one)]
            rows.append(
                {
                    "detector": name,
                    "rate": rate,
                    "seen": len(delays) / len(found),
                    "median_days": float(np.median(delays)) if delays else None,
                }
            )
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{arguments.seeds} companies each; {DAYS - DRIFTS} days after the change")
    print(f"{'detector':<18} {'rate':>5} {'seen':>6} {'after days':>10} {'false alarms':>12}")
    for row in rows:
        seen = "" if "seen" not in row else f"{row['seen']:.0%}"
        days = "" if row.get("median_days") is None else f"{row['median_days']:.0f}"
        false = f"{row['false_alarms']:.1%}" if "false_alarms" in row else ""
        print(f"{row['detector']:<18} {row['rate']:>5g} {seen:>6} {days:>10} {false:>12}")


if __name__ == "__main__":
    main()
