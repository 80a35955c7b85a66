"""Units of a whole history at once, for the training of detectors that group events."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from scoreback.disk.files import draft_folder, private_folder
from scoreback.models.features.units import Sums, UnitPlan, UnitQueries
from scoreback.records import EventBatch
from scoreback.times import micros

BATCH_ROWS = 20_000  # units in one batch
MERGE_AT = 100_000  # rows of sums that wait before they are merged: bounds work and memory


class Grouping:
    """Adds up batches of events, in any order, and gives the complete units."""

    def __init__(
        self,
        plan: UnitPlan,
        since: datetime,
        until: datetime,
        *,
        members: bool = False,
        spill: Path | None = None,
    ) -> None:
        """Prepare for all events that arrived in ``[since, until)``.

        Args:
            plan: how events are grouped.
            since: units whose windows begin earlier would lack events and are left out.
            until: units that have not closed by then are left out too.
            members: whether units name their events; training needs no names.
            spill: folder for a temporary folder of what does not fit into memory.
        """
        self._held = ExitStack()
        folder = None
        if spill is not None:
            folder = self._held.enter_context(draft_folder(private_folder(spill))).path
        self._queries = UnitQueries(plan, members=members, spill=folder)
        self._since = micros(since)
        self._until = self._queries.complete_before(until)
        self._portions: list[Sums] = []
        self.late = 0
        self.ungrouped = 0
        self.uncast: dict[str, int] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that the sums so far take in memory."""
        return sum(sums.nbytes for sums in self._portions)

    def add(self, events: EventBatch) -> pa.ChunkedArray:
        """Add *events*; return the unit of each, null where it has none."""
        grouped = self._queries.group(events)
        self._portions.append(grouped.sums)
        self.late += grouped.late
        self.ungrouped += grouped.ungrouped
        first, *rest = (sums.num_rows for sums in self._portions)
        if sum(rest) > max(first, MERGE_AT):
            self._portions = [self._queries.merged(self._portions)]
        return grouped.unit

    def units(self) -> Iterator[EventBatch]:
        """The complete units, sorted by time, then id."""
        whole = self._queries.merged(self._portions)
        self._portions = []
        rows = self._queries.rows(whole.between(self._since, self._until))
        self.uncast = dict(rows.uncast)
        for batch in rows.table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
            yield EventBatch(batch)

    def close(self) -> None:
        """Close the engine."""
        self._queries.close()
        self._held.close()
