"""Does the estimate of missed attacks hold? Months of scored units whose truth is known.

Each run draws its own share of attacks and how well the model tells them apart, shows the best 15
units a day as alerts, audits a few of the others, and asks how many attacks were missed. The claim:
the 90 % interval covers the true recall in at least 85 % of the runs, and no day has more audits
than its cap.

``python benchmarks/audit.py [--json] [--runs N] [--days N]``
"""

import argparse
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoreback.models.judging.audit_sample import audited, chances, strata_of, stratum_edges
from scoreback.models.judging.bins import bin_edges
from scoreback.models.judging.missed_estimate import Looked, Missed, missed_attacks

UNITS, ALERTS = 600, 15  # a day
CAPS = (2, 5, 10, 20)


@dataclass(frozen=True)
class Month:
    """What one run found, and the truth."""

    found: Missed
    recall: float
    most_audits: int  # on one day


def month(seed: int, cap: int, days: int) -> Month:
    """One run: *days* of units, alerts and audits."""
    draw = np.random.default_rng(seed)
    count = UNITS * days
    attack = draw.random(count) < draw.uniform(0.01, 0.08)
    strength = draw.normal(size=count) + attack * draw.uniform(1.5, 4)
    scores = 1 / (1 + np.exp(3 - strength))
    day, drawn = np.arange(count) // UNITS, draw.random(count)
    shown = np.zeros(count, dtype=bool)
    for today in range(days):
        rows = np.flatnonzero(day == today)
        shown[rows[np.argsort(-scores[rows])[:ALERTS]]] = True
    edges = stratum_edges(bin_edges(scores))
    stratum = strata_of(scores, edges)
    below = [(stratum == one) & ~shown for one in range(len(edges) + 1)]
    believed = np.array([scores[rows].mean() if rows.any() else 0.0 for rows in below])
    chance = chances(np.array([rows.sum() / days for rows in below]), believed, cap)
    looked_at = np.zeros(count, dtype=bool)
    for today in range(days):
        rows = np.flatnonzero((day == today) & ~shown)
        looked_at[rows] = audited(rows, drawn[rows], chance[stratum[rows]], cap)
    found = missed_attacks(
        _looked(attack, shown, shown), [_looked(attack, rows, looked_at) for rows in below]
    )
    return Month(
        found=found,
        recall=float(attack[shown].sum() / attack.sum()),
        most_audits=int(np.bincount(day[looked_at], minlength=1).max()),
    )


def figures(cap: int, runs: int, days: int) -> dict[str, Any]:
    """What *runs* of one cap give."""
    found = [month(seed, cap, days) for seed in range(runs)]
    widths = [one.found.recall_between[1] - one.found.recall_between[0] for one in found]
    covered = [
        one.found.recall_between[0] <= one.recall <= one.found.recall_between[1] for one in found
    ]
    return {
        "audits_a_day": cap,
        "covered": float(np.mean(covered)),
        "median_width": round(float(np.median(widths)), 3),
        "narrow_enough": float(np.mean([one.found.useful for one in found])),
        "most_on_a_day": max(one.most_audits for one in found),
    }


def main() -> None:
    """Print what each cap gives, as a table or JSON."""
    parser = argparse.ArgumentParser(description="Does the estimate of missed attacks hold?")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [figures(cap, arguments.runs, arguments.days) for cap in CAPS]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(
        f"{arguments.runs} runs of {arguments.days} days, {UNITS} units and {ALERTS} alerts a day"
    )
    print(f"{'audits a day':>12} {'covered':>8} {'width':>6} {'useful':>7} {'most':>5}")
    for row in rows:
        print(
            f"{row['audits_a_day']:>12} {row['covered']:>8.1%} {row['median_width']:>6} "
            f"{row['narrow_enough']:>7.0%} {row['most_on_a_day']:>5}"
        )


def _looked(
    attack: NDArray[np.bool_], rows: NDArray[np.bool_], looked_at: NDArray[np.bool_]
) -> Looked:
    seen = rows & looked_at
    return Looked(
        units=int(rows.sum()), looked_at=int(seen.sum()), attacks=int((attack & seen).sum())
    )


if __name__ == "__main__":
    main()
