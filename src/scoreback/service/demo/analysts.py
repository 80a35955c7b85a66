"""The people who close alerts: late, mostly right, and not all of them.

A wrong verdict on an attack is "false positive". A wrong verdict on anything else is "true
positive" if the event looked like an attack (by its best possible score), else it mixes up "false"
and "benign".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.records import TIME, LabelBatch, Verdict, utc
from scoreback.service.demo.difficulty import Difficulty

PEOPLE = ("amara", "bogdan", "céline", "dai")
HUNTERS = "incident-response"
HUNT_DAYS = (1.0, 3.0)  # attacks without an alert take an investigation to find
LOOKS_LIKE_AN_ATTACK = -3.0  # log-odds at which every second mistake calls the event an attack
LONGEST_HOURS = 96.0

_ATTACK, _ALLOWED, _FALSE, _UNDETERMINED = (
    Verdict.TRUE_POSITIVE, Verdict.BENIGN_POSITIVE, Verdict.FALSE_POSITIVE, Verdict.UNDETERMINED,
)  # fmt: skip
_VERDICTS = [v.value for v in (_ATTACK, _ALLOWED, _FALSE, _UNDETERMINED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How and when an analyst closed an alert."""

    verdict: Verdict
    label_time: datetime
    labeller: str


class Analysts:
    """Analysts who close a detector's alerts, judging each by the event that opened it."""

    def __init__(self, truth: pa.Table, difficulty: Difficulty, *, seed: int) -> None:
        """Know the *truth* of one stream, and err as often as *difficulty* says."""
        self._rows = {e: i for i, e in enumerate(truth["event_id"].to_pylist())}
        self._truth, self._difficulty, self._seed = truth, difficulty, seed

    def verdict_for(self, event_id: str, *, shown_at: datetime) -> Closing | None:
        """How an alert on *event_id*, shown at *shown_at*, is closed; None: it stays open.

        The same event always gets the same answer, in whatever order the calls come.

        Raises:
            KeyError: there is no such event.
        """
        row = self._truth.slice(self._rows[event_id], 1)
        rng = np.random.default_rng([self._seed, 5, crc32(event_id.encode())])
        if rng.random() >= self._difficulty.closed_share:
            return None
        [verdict] = _judge(row, self._difficulty, rng)
        [hours] = _hours(1, self._difficulty, rng)
        return Closing(
            verdict=Verdict(_VERDICTS[verdict]),
            label_time=utc(shown_at) + timedelta(hours=float(hours)),
            labeller=PEOPLE[int(rng.integers(len(PEOPLE)))],
        )


def team_history(
    events: pa.Table,
    truth: pa.Table,
    difficulty: Difficulty,
    *,
    seed: int,
    day: int,
    hunted: bool,
) -> pa.Table:
    """What the team itself found out about the events of a day, as labels.

    An event is shown with probability ``shown`` (the label's propensity), and closed with
    probability `Difficulty.closed_share`. With *hunted*, incident response also finds most attacks
    that nobody was shown; their propensity is null, as that probability is not known.
    """
    rng = np.random.default_rng([seed, 4, day, int(hunted)])
    rows = events.num_rows
    shown = truth["shown"].to_numpy()
    attack = truth["attack"].to_numpy()
    closed = (rng.random(rows) < shown) & (rng.random(rows) < difficulty.closed_share)
    found = hunted & attack & ~closed & (rng.random(rows) < difficulty.hunted_share)
    verdict = np.where(found, 0, _judge(truth, difficulty, rng))
    delay = np.where(found, 24 * rng.uniform(*HUNT_DAYS, rows), _hours(rows, difficulty, rng))
    label_time = events["arrival_time"].cast(pa.int64()).to_numpy() + (delay * 3.6e9).astype(
        np.int64
    )
    people = [*PEOPLE, HUNTERS]
    who = np.where(found, len(PEOPLE), rng.integers(0, len(PEOPLE), rows))
    labels = LabelBatch.of(
        {
            "event_id": flat(events["event_id"]),
            "verdict": pa.array(_VERDICTS).take(pa.array(verdict)),
            "label_time": pa.array(label_time).cast(TIME),
            "labeller": pa.array(people).take(pa.array(who)),
            "source": pa.array(["verdict"] * rows, pa.string()),
            "propensity": pc.if_else(pa.array(found), pa.scalar(None, pa.float64()), shown),
        },
        rows,
    )
    return pa.Table.from_batches([labels.batch]).filter(pa.array(closed | found))


def _judge(truth: pa.Table, difficulty: Difficulty, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions in `_VERDICTS`, one per row of *truth*."""
    rows = truth.num_rows
    attack = truth["attack"].to_numpy()
    allowed = truth["allowed"].to_numpy()
    right = np.where(attack, 0, np.where(allowed, 1, 2))
    looks = 1 / (1 + np.exp(np.clip(LOOKS_LIKE_AN_ATTACK - truth["oracle"].to_numpy(), -50, 50)))
    mistaken = np.where(rng.random(rows) < looks, 0, np.where(allowed, 2, 1))
    wrong = np.where(attack, 2, mistaken)
    verdict = np.where(rng.random(rows) < difficulty.wrong_share, wrong, right)
    return np.where(rng.random(rows) < difficulty.undetermined_share, 3, verdict)


def _hours(rows: int, difficulty: Difficulty, rng: np.random.Generator) -> NDArray[np.float64]:
    """Hours from shown to closed: mostly within a day, some after three."""
    median, spread = difficulty.verdict_hours, difficulty.verdict_spread
    return np.minimum(median * np.exp(spread * rng.standard_normal(rows)), LONGEST_HOURS)
