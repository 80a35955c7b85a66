"""Reads a detector's events and all their labels on the way; groups them if the detector does."""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from scoreback.errors import DataError
from scoreback.models.detector.spec import Detector
from scoreback.models.features.units import UnitPlan
from scoreback.models.features.whole_history import History
from scoreback.models.features.whole_units import Grouping
from scoreback.models.labels.field_tally import FieldTally
from scoreback.models.labels.later_labels import LaterLabels
from scoreback.models.labels.truths import labels_from_field
from scoreback.models.labels.unit_labels import UnitLabels
from scoreback.records import LABEL_COLUMNS, EventBatch, LabelBatch, LabelQuery, TimeWindow
from scoreback.service.app import App, needed_fields
from scoreback.service.detectors.incidents import incident_labels
from scoreback.service.detectors.later_labels import later_labels
from scoreback.service.labels.chances import with_chances
from scoreback.service.labels.quarantine import Held, without_floods
from scoreback.service.state.label_ledger import LabelLedger, Synced
from scoreback.service.training.memory import Room


class LabelledReader:
    """Reads once; the labels are complete when all events are read."""

    def __init__(
        self,
        app: App,
        detector: Detector,
        window: TimeWindow,
        now: datetime,
        progress: Callable[[int], None] | None = None,
        room: Room | None = None,
    ) -> None:
        """Prepare to read what arrived in *window*, and the labels as of its end.

        Args:
            app: the workspace.
            detector: the detector to read for.
            window: the window of arrival times.
            now: the current time.
            progress: called with the number of events read.
            room: watches the memory that is used.
        """
        self._room = room
        self._app, self._detector, self._window, self._now = app, detector, window, now
        self._progress = progress or _silent
        plan = UnitPlan.of(detector)
        spill = app.settings.home / "spill"
        self._grouping = (
            None if plan is None else Grouping(plan, window.since, window.until, spill=spill)
        )
        self._of_events: list[pa.Table] = []
        self._of_units: UnitLabels | None = None
        self.synced: Synced | None = None  # of the label ledger, if verdicts are learnt from
        self.held: list[Held] = []  # verdicts left out because of a flood
        spec = detector.labels.field
        self._tally = None if spec is None else FieldTally(spec)
        self._later: LaterLabels | None = None
        self._without_value = set(needed_fields(detector))  # fields that all events so far lack

    @property
    def unparsable(self) -> int:
        """Labels of a field that are not used because their time cannot be read."""
        return 0 if self._tally is None else self._tally.unparsable

    @property
    def label_problems(self) -> list[str]:
        """Sentences on what keeps labels of a field from being used."""
        return [] if self._tally is None else self._tally.problems

    @property
    def what(self) -> str:
        """A word for what is read."""
        return "event" if self._grouping is None else "unit"

    @property
    def hint(self) -> str:
        """What to do if nothing was found."""
        if self._grouping is not None and self._grouping.ungrouped:
            return (
                f"{self._grouping.ungrouped} events have none of the fields of unit.group: correct"
                " the group, or the selection"
            )
        return "check the selection with `scoreback check`, or move --as-of into the data's time"

    def read(self) -> Iterator[EventBatch]:
        """Yield the units: the events themselves, or the groups of them that had closed."""
        verdicts = self._verdicts()
        self._of_events = [verdicts]
        self._later = later_labels(self._app, self._detector)
        if self._grouping is None:
            for batch in self._events():
                own, changed = self._from_field(batch)
                if own is not None:
                    self._of_events.append(pa.Table.from_batches([own.batch]))
                    self._keep(own.batch.nbytes)
                if changed is not None:
                    self._of_events.append(changed)
                    self._keep(changed.nbytes)
                yield batch
            return
        self._of_units = UnitLabels(verdicts)
        try:
            for batch in self._events():
                unit = self._grouping.add(batch)
                self._of_units.add(batch, unit, *self._from_field(batch))
                self._hold(self._grouping.nbytes)
            yield from self._grouping.units()
        finally:
            self._grouping.close()

    def labels(self) -> pa.Table:
        """The labels of events read and of incidents: `LABEL_COLUMNS`, for groups also the unit.

        Raises:
            DataError: a line of the incidents file is wrong.
        """
        found = pa.concat_tables(self._of_events)
        if self._of_units is not None:
            found = self._of_units.table()
        if self._detector.labels.incidents is None:
            return found
        incidents = incident_labels(Path(self._detector.labels.incidents))
        return pa.concat_tables([found, incidents], promote_options="default")

    def refuse_missing_fields(self) -> None:
        """Refuse to train if a field of the detector is in no event: its name is misspelt.

        A field may be empty in the events read if other events of the selection have it.

        Raises:
            DataError: names the field, and those that are spelt alike.
        """
        refuse_missing(self._app, self._detector, self._without_value)

    def with_counts(self, history: History) -> History:
        """*history* of units, with the counts of their events."""
        if self._grouping is None:
            return history
        uncast = {**self._grouping.uncast, **history.uncast}
        found = self._grouping
        return replace(history, late=found.late, uncast=uncast, ungrouped=found.ungrouped)

    def _events(self) -> Iterator[EventBatch]:
        query = self._app.query(self._detector)
        for piece in self._app.connector.events.slices(query, self._window):
            for batch in self._app.connector.events.read(piece):
                self._progress(batch.num_rows)
                self._without_value -= with_value(batch, self._without_value)
                if self._room is not None and batch.num_rows:
                    self._room.read(batch.num_rows, batch.batch["arrival_time"][-1].as_py())
                yield batch

    def _verdicts(self) -> pa.Table:
        """The ledger's verdicts of analysts, after everything that the SIEM has was added to it."""
        spec = self._detector.labels.verdicts
        door = self._app.connector.labels
        if spec is None or door is None:
            return LABEL_COLUMNS.empty_table()
        query = LabelQuery(
            detector=self._detector.name,
            entity=self._detector.entity,
            since=self._window.since,
            window=spec.window,
        )
        as_of = self._window.until
        ledger = LabelLedger(self._app.state, self._app.connector.name)
        self.synced = ledger.sync(door.read, query, as_of=as_of, now=self._now)
        found = ledger.labels(query.detector, since=query.since, as_of=as_of)
        left, self.held = without_floods(self._app, self._detector, found, as_of)
        return with_chances(self._app.state.database, self._detector.name, left)

    def _keep(self, beside: int) -> None:
        if self._room is not None:
            self._room.keep(beside)

    def _hold(self, held: int) -> None:
        if self._room is not None:
            self._room.hold(held)

    def _from_field(self, batch: EventBatch) -> tuple[LabelBatch | None, pa.Table | None]:
        """Labels that the events carry, and the later labels of events that were relabelled."""
        spec = self._detector.labels.field
        if spec is None or self._tally is None:
            return None, None
        found = labels_from_field(batch, spec)
        if self._later is None:
            self._tally.add(batch, found)
            return found.labels, None
        now = self._later.current(batch)
        self._tally.add(now, labels_from_field(now, spec))
        return self._later.split(batch, found.labels)


def refuse_missing(app: App, detector: Detector, without_value: set[str]) -> None:
    """Refuse a field of *without_value*, empty in all events read, that no event of the SIEM has.

    Raises:
        DataError: names the field, and those that are spelt alike.
    """
    if not without_value:
        return
    known = app.connector.events.fields(app.query(detector).selection)
    for name in sorted(without_value - set(known)):
        close = difflib.get_close_matches(name, known, n=3) or list(known[:10])
        raise DataError(
            f"detector {detector.name!r}: no event of its selection has field {name!r}",
            hint=f"correct its name; fields that exist: {', '.join(close) or 'none'}",
        )


def with_value(batch: EventBatch, names: set[str]) -> set[str]:
    """Those of *names* that have a value in an event of *batch*."""
    return {name for name in names if batch.batch[name].null_count < batch.num_rows}


def _silent(_events: int) -> None:
    """Tell nobody."""
