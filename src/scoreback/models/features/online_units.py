"""Feature rows of units as they close: each event is read once, however the runs are timed.

A step adds the events that arrived to the sums of their units. A unit closes on the arrival clock,
once every event that arrived up to its window's end + ``lag`` has been read; then it goes to
`scoreback.models.features.online.OnlineFeatures` like an event that arrived at that moment. The
sums of open units are kept in files beside the window state; a file counts only if the caller
stores its name with its watermark.
"""

from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.features.event_features import FeaturePlan
from scoreback.models.features.online import OnlineFeatures, Step
from scoreback.models.features.state_files import (
    OPEN_UNITS,
    StateFiles,
    StateFolder,
    first_line,
    slice_name,
    spill_of,
    unsealed,
)
from scoreback.models.features.units import Sums, UnitPlan, UnitQueries
from scoreback.records import EventBatch, TimeWindow

_EVER = (-(1 << 62), 1 << 62)
_UNTIL = "_"  # in a state's name, stands before the start of the first open window


def open_from(pending: str) -> int | None:
    """The start, µs, of the first open window in the state *pending*; None if not of units."""
    _, mark, start = unsealed(pending).rpartition(_UNTIL)
    return int(start) if mark and start.lstrip("-").isdecimal() else None


class OnlineUnits:
    """Computes feature rows of units step by step over state files in *folder*."""

    def __init__(
        self, units: UnitPlan, plan: FeaturePlan, folder: Path, fields: tuple[str, ...],
        *, told: bool = False,
    ) -> None:  # fmt: skip
        """Prepare for events with the fields that *units* reads; rows carry the units' *fields*.

        If *told*, rows also carry the values that reasons name: see `features.told`.
        """
        self._features = OnlineFeatures(plan, folder, fields, told=told)
        self._every = units.every
        kinds = [field.name for field in fields_of(Sums)]
        self._open_units = StateFolder(folder / OPEN_UNITS, kinds, what="open units")
        self._queries = UnitQueries(units, spill=spill_of(self._open_units.folder))

    def step(
        self,
        events: pa.Table,
        window: TimeWindow,
        state: StateFiles,
        *,
        ready_until: datetime,
        score_since: datetime,
        owed: pa.Array | None = None,  # noqa: ARG002 - open units are made of all events
    ) -> Step:
        """Take *events*, all that arrived in *window*, and return the rows of units that closed.

        Like `OnlineFeatures.step`, but for units: those that arrive before *ready_until* close.
        The state's ``pending`` names the sums of the open units and the start of the first open
        window.

        Raises:
            StateError: a state file is missing or damaged.
        """
        grouped = [self._queries.group(EventBatch(batch)) for batch in events.to_batches()]
        known = None if state.pending is None else open_from(state.pending)
        before = _EVER[0] if known is None else known
        arrived = self._queries.merged([g.sums for g in grouped])
        # The SIEM showed these events after their units had closed, so they are late whatever
        # their arrival times say.
        missed = int(pc.sum(arrived.between(_EVER[0], before).units["events"]).as_py() or 0)
        fresh = arrived.between(before, _EVER[1])
        sums = self._queries.merged([self._open(state.pending), fresh])
        ends = max(before, self._queries.complete_before(ready_until))
        closed = self._queries.rows(sums.between(_EVER[0], ends))
        # Units have arrival times of their own: this is the slice of units, not of events.
        closing = TimeWindow(since=window.since, until=ready_until)
        step = self._features.step(
            closed.table, closing, StateFiles(state.slices),
            ready_until=ready_until + self._every,  # all units that ended earlier have closed too
            score_since=score_since,
        )  # fmt: skip
        name = self._keep(sums.between(ends, _EVER[1]), f"{slice_name(closing)}{_UNTIL}{ends}")
        return replace(
            step,
            state=StateFiles(step.state.slices, name),
            late=missed + sum(g.late for g in grouped),
            ungrouped=sum(g.ungrouped for g in grouped),
            uncast={**closed.uncast, **step.uncast},
        )

    def forget_others(self, *states: StateFiles) -> None:
        """Delete the folder's files that none of *states*, committed or about to be, names."""
        self._features.forget_others(*states)
        pending = [state.pending for state in states if state.pending]
        self._open_units.forget_all_but(p for name in pending for p in self._open_units.paths(name))

    def close(self) -> None:
        """Close the engines."""
        self._features.close()
        self._queries.close()

    def _open(self, name: str | None) -> Sums:
        nothing = self._queries.nothing
        if name is None:
            return nothing
        tables = []
        for kind, table in zip(self._open_units.kinds, _tables(nothing), strict=True):
            found = self._open_units.read(kind, name)
            try:
                tables.append(found.cast(table.schema))
            except (pa.ArrowInvalid, ValueError) as error:
                raise self._open_units.damaged(f"{kind} of {name}: {first_line(error)}") from error
        return Sums(*tables)

    def _keep(self, sums: Sums, name: str) -> str:
        return self._open_units.write(_tables(sums), name)


def _tables(sums: Sums) -> Sequence[pa.Table]:
    return (sums.units, sums.values, sums.members)
