"""Which of a step's scores raise alerts, for one model: the pacer, with what the state stored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.explore_sample import Spared
from scoreback.models.judging.judged import Holding
from scoreback.models.judging.openings import Opening
from scoreback.models.judging.pacer import Pacer
from scoreback.models.judging.pacing import TIES
from scoreback.models.judging.past import Units
from scoreback.models.learners.model import Floats
from scoreback.multivalue import firsts
from scoreback.records import Stage
from scoreback.sampling import codes, draws
from scoreback.service.app import App
from scoreback.service.in_force.holding import held_back_here
from scoreback.service.in_force.operating_point import (
    OperatingPoint,
    operating_point,
    pace_digest,
)
from scoreback.service.scoring.auditing import Auditing
from scoreback.service.scoring.plan import Model
from scoreback.service.state.pacing_log import PacedStep, remembered
from scoreback.times import span


def seen_at(rows: pa.Table, lag: timedelta) -> NDArray[np.int64]:
    """The time at which the budget counts each of *rows*, in microseconds.

    That is the event's time or, for a late event, the moment when it turned up, less *lag*: steps
    take units in this order wherever they are cut, so the same events give the same alerts.
    """
    event = flat(rows["event_time"]).cast(pa.int64()).to_numpy()
    turned_up = flat(rows["arrival_time"]).cast(pa.int64()).to_numpy() - span(lag)
    return np.asarray(np.where(turned_up > event, turned_up + 1, event), dtype=np.int64)


def paced_units(
    rows: pa.Table, scores: Floats, entity: str, *, lag: timedelta, floor: float
) -> Units:
    """*rows* with their *scores* as the pacer takes them; only rows that may alert have an entity.

    Args:
        rows: feature rows.
        scores: the score of each row.
        entity: the column of the entity.
        lag: an event that turns up after it is late.
        floor: a score below which nothing alerts.
    """
    able = np.flatnonzero(scores >= floor)
    ids, named = (rows[name].take(pa.array(able)) for name in ("event_id", entity))
    drawn = np.ones(len(scores))
    drawn[able] = draws(ids, TIES)
    entities = np.full(len(scores), -1, dtype=np.int64)
    entities[able] = codes(firsts(named))
    return Units(
        times=seen_at(rows, lag),
        event_times=flat(rows["event_time"]).cast(pa.int64()).to_numpy(),
        entities=entities,
        scores=scores,
        draws=drawn,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """One model's judgement of a step, and the units that it judged."""

    units: Units
    step: PacedStep


class Pacing:
    """Judges what one model scores for one detector."""

    point: OperatingPoint  # in force
    opened: Sequence[Opening]  # opened lately, as the state has stored it

    def __init__(
        self, app: App, model: Model, detector: Detector, spared: Spared | None = None
    ) -> None:
        """Continue from what the state has stored, by *detector* as it is in force.

        The threshold does not open what is *spared* of the budget.
        """
        self._app, self._model = app, model
        self._rules = app.connector.rules
        self._auditing: Auditing | None = None  # of a live model, draws from what raises no alert
        if model.stage is Stage.LIVE:
            self._auditing = Auditing(app.state.database, detector, model.artifact)
        self._take(detector, spared)
        version, stage = model.version.version, model.stage
        past = remembered(
            app.state.database, detector.name, version, stage, self._digest,
            joined=self._holding.joins,
        )  # fmt: skip
        self.opened = past.opened
        self._pacer = Pacer(
            self._pace, self.point.day_starts, self.point.born,
            cold_start=model.artifact.cold_start, past=past.past, opened=past.opened,
            ticks=past.ticks, holding=self._holding,
        )  # fmt: skip

    def follow(self, detector: Detector, spared: Spared | None = None) -> bool:
        """Judge by *detector* from now on; return whether the operating point changed."""
        before = self.point
        self._take(detector, spared)
        self._pacer.follow(self._pace, self.point.day_starts, self._holding)
        return self.point != before

    def judge(self, rows: pa.Table, scores: Floats) -> Paced:
        """Which of *rows* with these *scores* raise an alert."""
        lag = self._model.artifact.lag
        units = paced_units(rows, scores, self._entity, lag=lag, floor=self._pace.floor)
        judged = self._pacer.judge(units)
        step = PacedStep(
            version=self._model.version.version,
            stage=self._model.stage,
            judged=judged,
            pace=self._digest,
        )
        if self._auditing is None:
            return Paced(units=units, step=step)
        places, audits = self._auditing.draw(rows["event_id"], units, judged)
        return Paced(units=units, step=replace(step, audited=places, audits=audits))

    def _take(self, detector: Detector, spared: Spared | None) -> None:
        self._entity = "field:" + detector.entity
        version = self._model.version.version
        self.point = operating_point(detector, version, self._model.artifact)
        self._pace = replace(self.point.pace, spared=spared)
        # Only live scores raise alerts. While a detector is paused nothing is marked, whoever holds
        # back the rest: a rule that is switched on again looks back.
        live = self._model.stage is Stage.LIVE
        joins = live and held_back_here(self._rules, self.point.throttle)
        self._holding = Holding(joins=joins, all=live and not detector.enabled)
        self._digest = pace_digest(self.point, self._pace)
        if self._auditing is not None:
            self._auditing.follow(detector)
