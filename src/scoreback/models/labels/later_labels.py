"""Labels in an event field that became known after the events were stored.

A SIEM that does not change stored events keeps later label values beside them, with the time at
which each became known. If no training has yet covered the label's own time, the label keeps the
time that the detector file gives it. If a training as of that time or later was already made, the
label came too late for it: it exists only from the moment it became known, so that a training as of
the same moment always gives the same result.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import FieldLabels
from scoreback.models.labels.truths import labels_from_field
from scoreback.records import TIME, EventBatch, LabelBatch, Verdict
from scoreback.times import micros

_NEVER = np.iinfo(np.int64).min
_WORDS = (Verdict.TRUE_POSITIVE.value, Verdict.FALSE_POSITIVE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A finished training: when it was made, and as of which moment."""

    made_at: datetime
    as_of: datetime


class LaterLabels:
    """The label values that became known after their events were stored."""

    def __init__(
        self, spec: FieldLabels, told: pa.Table, trainings: Sequence[Training] = ()
    ) -> None:
        """Prepare to apply the changes in *told*.

        Args:
            spec: how the field is read.
            told: ``event_id``, ``known_at`` and the fields of *spec*, in order of time.
            trainings: the detector's finished trainings.
        """
        self._spec = spec
        self._told = told
        self._fields = told.column_names[2:]
        events = flat(told.column("event_id")).dictionary_encode()
        self._events = events.dictionary
        self._event = events.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self._nth = _nth_of_each(self._event)
        self._known = _micros(told.column("known_at"))
        self._asked = _asked(self._known, trainings)

    def __len__(self) -> int:
        """The number of events whose fields changed."""
        return len(self._events)

    def current(self, events: EventBatch) -> EventBatch:
        """*events* with their latest values."""
        inside, rows, told = self._of(events)
        if not len(inside):
            return events
        values = {name: events.batch.column(name).take(pa.array(inside)) for name in self._fields}
        for nth in range(int(self._nth[told].max()) + 1):
            at = self._nth[told] == nth
            self._put(values, rows[at], told[at])
        mask = np.zeros(events.num_rows, dtype=bool)
        mask[inside] = True
        columns = dict(zip(events.batch.schema.names, events.batch.columns, strict=True))
        for name, column in values.items():
            columns[name] = pc.replace_with_mask(columns[name], pa.array(mask), column)
        return EventBatch(pa.record_batch(columns))

    def split(self, events: EventBatch, own: LabelBatch) -> tuple[LabelBatch, pa.Table | None]:
        """The labels of *events* whose field never changed, and all labels of the others.

        Args:
            events: the events as stored.
            own: their labels as stored.
        """
        inside, rows, told = self._of(events)
        if not len(inside):
            return own, None
        ids = events.batch.column("event_id").take(pa.array(inside))
        of_changed = pc.is_in(own.batch.column("event_id"), value_set=ids)
        first = pa.Table.from_batches([own.batch.filter(of_changed)])
        found = [first, *self._labels(events, ids, inside, (rows, told), first)]
        return LabelBatch(own.batch.filter(pc.invert(of_changed))), pa.concat_tables(found)

    def _labels(
        self,
        events: EventBatch,
        ids: pa.Array,
        inside: NDArray[np.int64],
        pairs: tuple[NDArray[np.int64], NDArray[np.int64]],
        first: pa.Table,
    ) -> list[pa.Table]:
        """The labels and withdrawals of the events *inside* a batch, one change at a time."""
        rows, told = pairs
        batch = events.batch.take(pa.array(inside))
        values = {name: batch.column(name) for name in self._fields}
        last = np.full(len(inside), _NEVER)
        last[_place(first.column("event_id"), ids)] = _micros(first.column("label_time"))
        fallback = _micros(batch.column("event_time")) + round(
            self._spec.delay.total_seconds() * 1e6
        )
        found = []
        for nth in range(int(self._nth[told].max()) + 1):
            at = self._nth[told] == nth
            self._put(values, rows[at], told[at])
            changed = rows[at]
            columns = dict(zip(batch.schema.names, batch.columns, strict=True)) | values
            now = EventBatch(pa.record_batch(columns).take(pa.array(changed)))
            labels = pa.Table.from_batches([labels_from_field(now, self._spec).labels.batch])
            labelled = _place(labels.column("event_id"), ids)
            times = fallback.copy()
            times[labelled] = _micros(labels.column("label_time"))
            times = times[changed]
            late = times <= self._asked[told[at]]
            times = np.where(late, np.maximum(times, self._known[told[at]]), times)
            last[changed] = np.maximum(times, np.where(last == _NEVER, _NEVER, last + 1)[changed])
            found.append(_at(labels, last[labelled]))
            silent = np.setdiff1d(changed, labelled)
            found += [_withdrawals(ids, silent, last, word, self._spec.name) for word in _WORDS]
        return found

    def _of(
        self, events: EventBatch
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Row numbers of changed *events*, and pairs: position among these, row of the change."""
        place = pc.index_in(self._events, value_set=events.batch.column("event_id"))
        row_of = pc.fill_null(place, -1).to_numpy(zero_copy_only=False).astype(np.int64)
        row = row_of[self._event] if len(self._event) else np.zeros(0, dtype=np.int64)
        told = np.flatnonzero(row >= 0)
        inside, rows = np.unique(row[told], return_inverse=True)
        return inside, rows, told

    def _put(
        self, values: dict[str, pa.Array], rows: NDArray[np.int64], told: NDArray[np.int64]
    ) -> None:
        """Write the changes *told* into the *rows* of *values*; a null leaves the value alone."""
        for name in self._fields:
            given = flat(self._told.column(name)).take(pa.array(told))
            some = given.is_valid().to_numpy(zero_copy_only=False)
            mask = np.zeros(len(values[name]), dtype=bool)
            mask[rows[some]] = True
            order = np.argsort(rows[some], kind="stable")
            ordered = given.filter(pa.array(some)).take(pa.array(order))
            values[name] = pc.replace_with_mask(values[name], pa.array(mask), ordered)


def _asked(known: NDArray[np.int64], trainings: Sequence[Training]) -> NDArray[np.int64]:
    """For each moment in *known*, the latest ``as_of`` of the trainings made by then."""
    made = sorted((micros(each.made_at), micros(each.as_of)) for each in trainings)
    latest = np.maximum.accumulate([_NEVER, *(as_of for _, as_of in made)])
    return np.asarray(latest[np.searchsorted([at for at, _ in made], known, side="right")])


def _nth_of_each(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each position, how often its code occurred before."""
    order = np.argsort(codes, kind="stable")
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(codes) else codes
    nth = np.zeros(len(codes), dtype=np.int64)
    if len(codes):
        nth[order] = np.arange(len(codes)) - np.repeat(starts, np.diff(np.r_[starts, len(codes)]))
    return nth


def _withdrawals(
    ids: pa.Array, rows: NDArray[np.int64], times: NDArray[np.int64], word: str, field: str
) -> pa.Table:
    """Withdrawals of the label *word*; for an event that never had it they have no effect."""
    some = ids.take(pa.array(rows))
    source = pa.repeat(pa.scalar(f"field:{field}"), len(rows))
    given: Mapping[str, pa.Array] = {
        "event_id": some,
        "verdict": pa.repeat(pa.scalar(word), len(rows)),
        "label_time": pa.array(times[rows]).cast(TIME),
        "labeller": source,
        "source": source,
        "withdrawn": pa.repeat(pa.scalar(value=True), len(rows)),
    }
    return pa.Table.from_batches([LabelBatch.of(given, len(rows)).batch])


def _at(labels: pa.Table, times: NDArray[np.int64]) -> pa.Table:
    place = labels.schema.get_field_index("label_time")
    return labels.set_column(place, labels.schema.field(place), pa.array(times).cast(TIME))


def _place(found: pa.ChunkedArray, ids: pa.Array) -> NDArray[np.int64]:
    return np.asarray(
        pc.index_in(flat(found), value_set=ids).to_numpy(zero_copy_only=False), dtype=np.int64
    )


def _micros(column: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    array = flat(column) if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(array.cast(TIME).cast(pa.int64()).to_numpy(), dtype=np.int64)
