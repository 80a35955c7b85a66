"""Every label of the days that a backtest replays, and when each became known."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector
from scoreback.models.features.units import UnitPlan, UnitQueries
from scoreback.models.labels.truths import labels_from_field
from scoreback.models.labels.unit_labels import UnitLabels, subjects
from scoreback.records import (
    LABEL_COLUMNS,
    TIME,
    EventBatch,
    LabelBatch,
    LabelQuery,
    TimeWindow,
)
from scoreback.service.app import App
from scoreback.service.detectors.incidents import incident_labels
from scoreback.service.detectors.later_labels import later_labels
from scoreback.service.labels.chances import with_chances
from scoreback.service.state.label_ledger import LabelLedger
from scoreback.times import micros


@dataclass(frozen=True, slots=True)
class Labels:
    """Every label of the window, and when each became known."""

    table: pa.Table  # `LABEL_COLUMNS`; for groups also the unit
    known: NDArray[np.int64]  # when each became known, microseconds
    verdicts: int  # how many of the first rows are analysts' verdicts

    def at(self, moment: datetime, since: datetime, units: pa.Array | None = None) -> pa.Table:
        """The labels known at *moment*; verdicts only if they were given at *since* or later.

        With *units*, labels carried by events outside *units* are left out.
        """
        kept = self.known <= micros(moment)
        times = flat(self.table["label_time"]).cast(pa.int64()).to_numpy()
        kept[: self.verdicts] &= times[: self.verdicts] >= micros(since)
        if units is not None:
            carried = self.table.slice(self.verdicts)
            own = pc.is_in(subjects(carried), value_set=units)
            own = flat(pc.or_(own, pc.is_null(carried["event_id"])))
            kept[self.verdicts :] &= own.to_numpy(zero_copy_only=False)
        return self.table if kept.all() else self.table.filter(pa.array(kept))

    def told(self) -> pa.Table:
        """Analysts' verdicts, as `LabelLedger.history` gives them."""
        known = pa.array(self.known[: self.verdicts]).cast(TIME)
        given = self.table.slice(0, self.verdicts).select(LABEL_COLUMNS.names)
        return given.append_column("known_at", known)


class Reading:
    """Collects labels while events are read."""

    def __init__(self, app: App, detector: Detector, window: TimeWindow, now: datetime) -> None:
        """Collect for *detector*, beginning with all verdicts that the SIEM has *now*."""
        self._detector, self._now = detector, now
        self._verdicts = _verdicts(app, detector, window, now)
        given = self._verdicts.drop_columns(["known_at"])
        plan = UnitPlan.of(detector)
        self._queries = None if plan is None else UnitQueries(plan, members=False)
        self._units = None if plan is None else UnitLabels(given)
        self._parts = [given]
        self._later = later_labels(app, detector)

    def take(self, batch: EventBatch) -> None:
        """Take the labels of *batch*."""
        own, changed = self._from_field(batch)
        if self._queries is not None and self._units is not None:
            self._units.add(batch, self._queries.group(batch).unit, own, changed)
            return
        if own is not None:
            self._parts.append(pa.Table.from_batches([own.batch]))
        if changed is not None:
            self._parts.append(changed)

    def _from_field(self, batch: EventBatch) -> tuple[LabelBatch | None, pa.Table | None]:
        """Labels that the events carry, and the later labels of events that were relabelled."""
        spec = self._detector.labels.field
        if spec is None:
            return None, None
        own = labels_from_field(batch, spec).labels
        return (own, None) if self._later is None else self._later.split(batch, own)

    def all(self) -> Labels:
        """All labels collected, and those of the incidents file."""
        table = pa.concat_tables(self._parts) if self._units is None else self._units.table()
        if self._queries is not None:
            self._queries.close()
        if self._detector.labels.incidents is not None:
            incidents = incident_labels(Path(self._detector.labels.incidents))
            table = pa.concat_tables([table, incidents], promote_options="default")
        known = flat(table["label_time"]).cast(pa.int64()).to_numpy().copy()
        count = self._verdicts.num_rows
        known[:count] = flat(self._verdicts["known_at"]).cast(pa.int64()).to_numpy()
        return Labels(table, known, count)


def _verdicts(app: App, detector: Detector, window: TimeWindow, now: datetime) -> pa.Table:
    """The ledger's verdicts, after everything that the SIEM has was added to it."""
    ledger = LabelLedger(app.state, app.connector.name)
    spec, door = detector.labels.verdicts, app.connector.labels
    since = window.since - timedelta(days=1)
    if spec is not None and door is not None:
        query = LabelQuery(
            detector=detector.name, entity=detector.entity, since=since, window=spec.window
        )
        ledger.sync(door.read, query, as_of=now, now=now)
    told = ledger.history(detector.name, since=since)
    return with_chances(app.state.database, detector.name, told)
