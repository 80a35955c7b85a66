"""Which cut of a version counts as its latest."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from scoreback.models.judging.judged import Judged
from scoreback.models.judging.pacing import BUDGET_SPENT, Cut, Tick
from scoreback.models.judging.past import Past, Units
from scoreback.records import Stage
from scoreback.service.state.pacing_log import PacedStep, latest_cut, note_steps
from scoreback.service.state.workspace_state import State
from scoreback.times import micros

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def noted(state: State, *ticks: tuple[Cut, str]) -> None:
    """A step of one unit, and its *ticks*, one an hour from noon on."""
    units = Units(
        times=np.array([micros(NOON)]), event_times=np.array([micros(NOON)]),
        entities=np.array([1]), scores=np.array([0.9]), draws=np.array([0.5]),
    )  # fmt: skip
    judged = Judged(
        alerts=np.array([True]), thresholds=np.array([0.5]),
        ticks=tuple(
            Tick(since=micros(NOON + number * HOUR), cut=cut, left=0.0, reason=reason)
            for number, (cut, reason) in enumerate(ticks)
        ),
        past=Past(units=units, opened=np.array([True]), hours={micros(NOON): 1}), held_back=0,
        suppressed=np.array([False]),
    )  # fmt: skip
    step = PacedStep(version="v1", stage=Stage.LIVE, judged=judged, pace="p")
    with state.database.writes() as connection:
        note_steps(connection, "b", "queue", [step])


def test_the_cut_of_a_day_whose_alerts_are_used_up_is_no_version_s_latest(tmp_path: Path) -> None:
    with State.open(tmp_path / "state") as state:
        noted(state, (Cut(0.2), "paced"), (Cut(0.3, 0.5), "paced"), (Cut(0.97), BUDGET_SPENT))
        assert latest_cut(state.database, "queue", "v1") == Cut(0.3, 0.5)
        assert latest_cut(state.database, "queue", "v2") is None


def test_a_version_that_only_scored_while_no_alerts_were_left_has_no_cut(tmp_path: Path) -> None:
    with State.open(tmp_path / "state") as state:
        noted(state, (Cut(0.97), BUDGET_SPENT))
        assert latest_cut(state.database, "queue", "v1") is None
