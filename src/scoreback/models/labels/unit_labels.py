"""Assigns labels of events to the units of those events; `truths_as_of` then combines them.

Labels in a field of stored events never change, so only each unit's earliest label of each verdict
matters, and only that is kept.
"""

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.models.labels.truths import UNIT
from scoreback.records import EventBatch, LabelBatch

_PAIRS = pa.schema([("event_id", pa.string()), (UNIT, pa.string())])


def subjects(labels: pa.Table) -> pa.ChunkedArray:
    """What each of *labels* is about: the unit of its event, or else the event itself."""
    if UNIT not in labels.column_names:
        return labels.column("event_id")
    return pc.coalesce(labels.column(UNIT), labels.column("event_id"))


class UnitLabels:
    """Collects, batch by batch, the units that labelled events belong to."""

    def __init__(self, verdicts: pa.Table) -> None:
        """Prepare for *verdicts*, which must be complete, and for labels from a field."""
        self._verdicts = verdicts
        self._judged = pc.unique(verdicts.column("event_id")).drop_null()
        self._found = [_PAIRS.empty_table()]
        self._fields: pa.Table | None = None
        self._changed: list[pa.Table] = []

    def add(
        self,
        events: EventBatch,
        unit: pa.ChunkedArray,
        from_field: LabelBatch | None,
        changed: pa.Table | None = None,
    ) -> None:
        """Add the *unit* of each of *events*, and the labels in their field.

        Every label of an event whose label *changed* is kept: the moment decides which one counts.
        """
        ids = events.batch.column("event_id")
        pairs = pa.table({"event_id": ids, UNIT: unit})
        pairs = pairs.filter(pc.is_valid(pairs[UNIT]))
        self._found.append(pairs.filter(pc.is_in(pairs["event_id"], value_set=self._judged)))
        if changed is not None:
            self._changed.append(_with_units(changed, ids, unit))
        if from_field is not None:
            labels = _with_units(pa.Table.from_batches([from_field.batch]), ids, unit)
            earlier = [] if self._fields is None else [self._fields]
            self._fields = _earliest(pa.concat_tables([*earlier, labels]))

    def table(self) -> pa.Table:
        """All labels with `LABEL_COLUMNS` and `UNIT`, including verdicts on events in no unit."""
        found = pa.concat_tables(self._found)
        place = pc.index_in(self._verdicts.column("event_id"), value_set=found["event_id"])
        named = self._verdicts.append_column(UNIT, found[UNIT].combine_chunks().take(place))
        of_fields = [] if self._fields is None else [self._fields]
        return pa.concat_tables([named, *of_fields, *self._changed])


def _with_units(labels: pa.Table, ids: pa.Array, unit: pa.ChunkedArray) -> pa.Table:
    place = pc.index_in(flat(labels.column("event_id")), value_set=ids)
    return labels.append_column(UNIT, pa.table({UNIT: unit})[UNIT].take(place))


def _earliest(labels: pa.Table) -> pa.Table:
    """Each unit's earliest label of each kind, under an event id that no event has."""
    labels = labels.filter(pc.is_valid(labels[UNIT]))
    keys = [UNIT, "verdict", "labeller", "source"]
    first = labels.group_by(keys, use_threads=False).aggregate([("label_time", "min")])
    first = first.rename_columns([*keys, "label_time"])
    name = pc.binary_join_element_wise(first[UNIT], first["verdict"], "/")
    given = {"event_id": flat(name)} | {key: flat(first[key]) for key in keys[1:]}
    given["label_time"] = flat(first["label_time"])
    batch = LabelBatch.of(given, first.num_rows).batch
    return pa.Table.from_batches([batch]).append_column(UNIT, first[UNIT])
