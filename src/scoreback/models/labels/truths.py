"""Reads labels from a field of the events, and combines all labels that existed at a moment.

A label has its own time: the moment from which it exists. A training as of day D may only use
labels that existed on D; everything here takes that moment and never looks past it.

A unit of several events is positive if any of them is. Otherwise it is unknown if somebody examined
one of them and could not tell, and otherwise negative if one of them is. Events that nobody judged
have no effect. A label of the unit itself, which our alerts and incidents give, comes from somebody
who saw the whole unit: it counts like one more event, and labels of single events that are no later
than it do not count.
"""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.models.detector.spec import Detector, FieldLabels
from scoreback.multivalue import has_lists, holds_any, readable, unfolded
from scoreback.records import LABEL_IDENTITY, TIME, EventBatch, LabelBatch, Verdict
from scoreback.timestamps import TimeReader

UNIT = "unit"  # optional column of labels: the unit that the labelled event is part of
UNKNOWN = -1  # truth of a unit without a usable label; 0 is negative, 1 is positive

# Codes of `Truths.verdicts`, kept beside the truth, as "benign positive" may count either way.
NO_VERDICT, TRUE_POSITIVE, BENIGN_POSITIVE, FALSE_POSITIVE, UNUSABLE = range(5)
_CODES = {
    Verdict.TRUE_POSITIVE: TRUE_POSITIVE,
    Verdict.BENIGN_POSITIVE: BENIGN_POSITIVE,
    Verdict.FALSE_POSITIVE: FALSE_POSITIVE,
    Verdict.UNDETERMINED: UNUSABLE,
}

# What systems write for "no time yet": zero of their epoch. No real label is that old.
_ZERO_TIMES = datetime(1973, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldLabelsRead:
    """Labels of one batch of events, and counts of those with an unusable time."""

    labels: LabelBatch
    unparsable: int  # labels without a readable time: not used
    unparsable_example: str = ""  # the time of one of them, as it is written
    before_event: int = 0  # labels with a time before their event: they count from the event on


@dataclass(frozen=True, slots=True, kw_only=True)
class Truths:
    """What was known about each judged event at a moment: one truth per event."""

    event_ids: pa.Array
    truth: NDArray[np.int8]  # 1, 0 or UNKNOWN
    verdicts: NDArray[np.int8]  # the codes above; UNUSABLE if contradicting or undetermined
    contradicting: int  # events whose latest labels disagree
    undetermined: int  # events whose latest label is undetermined
    not_yet: int  # labels that came to exist later


def verdict_of(code: int) -> Verdict | None:
    """The verdict for a code of `Truths.verdicts`; None for codes that are not a verdict."""
    return next((verdict for verdict, known in _CODES.items() if known == code), None)


def labels_from_field(events: EventBatch, spec: FieldLabels) -> FieldLabelsRead:
    """The labels that *events* carry in one of their fields.

    A value that is neither positive nor negative gives no label. If the field has several values,
    one positive makes the event positive; without a positive, one negative makes it negative. The
    label's time is the event's plus ``delay``. With a ``time`` field, it is the time in that field,
    which `scoreback.timestamps` reads like the times of an export: the latest of several values,
    and never before the event. A positive needs a readable time; a negative whose time is blank
    falls back to ``delay``.
    """
    batch = events.batch
    value = batch.column(spec.name)
    positive = holds_any(value, spec.positive)
    if spec.negative is None:
        negative = pc.and_not(pc.and_(pc.is_valid(value), pc.not_equal(value, "")), positive)
    else:
        negative = pc.and_not(holds_any(value, spec.negative), positive)
    negative = pc.fill_null(negative, False)
    event_time = batch.column("event_time")
    label_time = pc.add(event_time, pa.scalar(spec.delay, pa.duration("us")))
    usable = pc.or_(positive, negative)
    unparsable, example, before_event = 0, "", 0
    if spec.time is not None:
        stamp = batch.column(spec.time)
        blank = pc.fill_null(pc.equal(stamp, ""), True)
        given = _latest_times(stamp)
        placed = pc.or_(pc.is_valid(given), pc.and_(negative, blank))
        unread = pc.and_not(usable, placed)
        unparsable = _count(unread)
        example = next((text for text in readable(stamp).filter(unread).to_pylist() if text), "")
        usable = pc.and_(usable, placed)
        before_event = _count(pc.and_(usable, pc.fill_null(pc.less(given, event_time), False)))
        never_before = pc.if_else(pc.greater(given, event_time), given, event_time)
        label_time = pc.if_else(pc.is_valid(given), never_before, label_time)
    names = pa.array([Verdict.FALSE_POSITIVE.value, Verdict.TRUE_POSITIVE.value])
    table = pa.record_batch(
        {
            "event_id": batch.column("event_id"),
            "verdict": names.take(pc.cast(positive, pa.int32())),
            "label_time": label_time,
        }
    ).filter(usable)
    return FieldLabelsRead(
        labels=_label_batch(table, spec.name),
        unparsable=unparsable,
        unparsable_example=example,
        before_event=before_event,
    )


def truths_as_of(labels: pa.Table, detector: Detector, as_of: datetime) -> Truths:
    """What *labels* said about each event, or unit, as of *as_of*; later labels are ignored.

    The latest label of an event that was not withdrawn by then wins. If labels of the same time
    disagree, or the latest one is undetermined, the event has no truth, and ``presumed_benign``
    does not give it one: somebody examined it and could not tell. Input order does not matter.
    """
    events = labels.filter(pc.is_valid(labels.column("event_id")))
    not_yet = pc.and_not(pc.invert(_existing(events, as_of)), _withdrawn(events))
    known = standing_at(labels, as_of)
    coded = _combined(known.column("event_id")).dictionary_encode()
    event = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    times = _combined(known.column("label_time")).cast(pa.int64()).to_numpy()
    verdict = _verdict_codes(known.column("verdict"))
    count = len(coded.dictionary)
    latest = np.full(count, np.iinfo(np.int64).min)
    np.maximum.at(latest, event, times)
    last = times == latest[event]
    outcomes = np.zeros((count, 5), dtype=bool)
    outcomes[event[last], verdict[last]] = True
    # If labels agree in truth, the smallest code represents them, whatever their order.
    verdicts = outcomes.argmax(axis=1).astype(np.int8)
    meaning = _meanings(detector)
    truths = np.stack([outcomes[:, meaning == t].any(axis=1) for t in (UNKNOWN, 0, 1)], axis=1)
    contradicting = truths.sum(axis=1) > 1
    truth = np.where(contradicting, UNKNOWN, meaning[verdicts]).astype(np.int8)
    undetermined = ~contradicting & (verdicts == UNUSABLE)
    verdicts[contradicting] = UNUSABLE
    ids = coded.dictionary
    if UNIT in known.column_names:
        first = np.zeros(count, dtype=np.int64)  # every row of an event names the same unit
        first[event] = np.arange(len(event))
        units = _combined(known.column(UNIT)).take(pa.array(first))
        ids, truth, verdicts = _of_units(ids, units, latest, truth, verdicts)
    return Truths(
        event_ids=ids,
        truth=truth,
        verdicts=verdicts,
        contradicting=int(contradicting.sum()),
        undetermined=int(undetermined.sum()),
        not_yet=_count(not_yet),
    )


def standing_at(labels: pa.Table, as_of: datetime) -> pa.Table:
    """The *labels* that name an event, existed by *as_of* and were not withdrawn by then."""
    events = labels.filter(pc.is_valid(labels.column("event_id")))
    return _standing(events.filter(_existing(events, as_of)))


def _existing(labels: pa.Table, as_of: datetime) -> pa.ChunkedArray:
    return pc.less_equal(labels.column("label_time"), pa.scalar(as_of, TIME))


def _standing(labels: pa.Table) -> pa.Table:
    """*labels* without withdrawn ones and without the withdrawals themselves."""
    withdrawn = _combined(_withdrawn(labels)).to_numpy(zero_copy_only=False)
    if not withdrawn.any():
        return labels
    of = np.zeros(labels.num_rows, dtype=np.int64)  # an integer for each label identity
    for name in LABEL_IDENTITY:
        coded = _combined(labels.column(name)).dictionary_encode()
        codes = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy().astype(np.int64)
        of = np.unique(of * (len(coded.dictionary) + 1) + codes, return_inverse=True)[1]
    times = _combined(labels.column("label_time")).cast(pa.int64()).to_numpy()
    ended = np.full(of.max() + 1, np.iinfo(np.int64).min)
    np.maximum.at(ended, of[withdrawn], times[withdrawn])
    return labels.filter(pa.array(~withdrawn & (times > ended[of])))


def _withdrawn(labels: pa.Table) -> pa.ChunkedArray:
    return pc.fill_null(labels.column("withdrawn"), False)


def _of_units(
    ids: pa.Array,
    units: pa.Array,
    latest: NDArray[np.int64],
    truth: NDArray[np.int8],
    verdicts: NDArray[np.int8],
) -> tuple[pa.Array, NDArray[np.int8], NDArray[np.int8]]:
    """Truth and verdict of each unit, from those of its labelled events and its own labels."""
    subjects = pc.coalesce(units, ids).dictionary_encode()
    subject = subjects.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    count = len(subjects.dictionary)
    whole = pc.is_null(units).to_numpy(zero_copy_only=False)
    given = np.full(count, np.iinfo(np.int64).min)
    given[subject[whole]] = latest[whole]
    counts = whole | (latest > given[subject])
    found = np.full(count, UNKNOWN, dtype=np.int8)
    for value in (0, UNKNOWN, 1):  # later values override earlier ones
        found[subject[counts & (truth == value)]] = value
    agreeing = counts & (truth == found[subject])
    smallest = np.full(count, UNUSABLE, dtype=np.int8)
    np.minimum.at(smallest, subject[agreeing], verdicts[agreeing])
    return subjects.dictionary, found, smallest


def _meanings(detector: Detector) -> NDArray[np.int8]:
    benign = {"negative": 0, "positive": 1, "ignore": UNKNOWN}[detector.labels.benign_positive]
    return np.array([UNKNOWN, 1, benign, 0, UNKNOWN], dtype=np.int8)


def _verdict_codes(column: pa.ChunkedArray) -> NDArray[np.int8]:
    names = pa.array([v.value for v in _CODES])
    index = pc.index_in(_combined(column), value_set=names)
    codes = np.array([*_CODES.values(), UNUSABLE], dtype=np.int8)
    result: NDArray[np.int8] = codes[pc.fill_null(index, len(_CODES)).to_numpy()]
    return result


def _latest_times(stamp: pa.Array) -> pa.Array:
    """The time in each cell; the latest if there are several."""
    if not has_lists(stamp):
        return _times(stamp)
    rows, texts = unfolded(stamp)
    given = pa.table({"row": rows, "time": _times(texts)}).drop_null()
    latest = given.group_by("row").aggregate([("time", "max")])
    place = pc.index_in(pa.array(np.arange(len(stamp))), value_set=_combined(latest["row"]))
    return _combined(latest["time_max"]).take(place)


def _times(stamp: pa.Array) -> pa.Array:
    with closing(TimeReader()) as reader:
        times = reader.read(stamp).values
    zero = pc.fill_null(pc.less(times, pa.scalar(_ZERO_TIMES, TIME)), False)
    return pc.if_else(zero, None, times)


def _label_batch(table: pa.RecordBatch, field: str) -> LabelBatch:
    given = {name: table.column(name) for name in table.schema.names}
    given["labeller"] = given["source"] = pa.repeat(pa.scalar(f"field:{field}"), table.num_rows)
    return LabelBatch.of(given, table.num_rows)


def _count(mask: pa.Array) -> int:
    return int(pc.sum(mask).as_py() or 0)


def _combined(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
