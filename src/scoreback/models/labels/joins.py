"""Joins labels to events: a verdict or an incident about an entity labels its events of that time.

An analyst who closes an alert has judged what the alert showed. If the detector joins verdicts by
entity, that is every event of the alert's entity at most ``window`` before or after the event that
opened the alert. An incident names its own entity and time. Such a label applies to each event as
if it had been given to that event alone, and keeps its label time.

A unit of several events lasts from its first event to its last, whose time is the unit's time. A
label of the entity applies to the unit if it overlaps that span. For an alert on a unit, ``window``
extends from both ends of the span.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.errors import DataError
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset
from scoreback.models.labels.truths import UNIT
from scoreback.models.labels.unit_labels import subjects
from scoreback.records import LABEL_COLUMNS, TIME

VERDICT = "verdict"  # the source of labels that analysts gave by closing alerts
MAX_LABELS = 20_000_000  # after the join: a few gigabytes; more means an error in the labels

_Ints = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).max


def event_labels(data: Dataset, labels: pa.Table, detector: Detector) -> pa.Table:
    """*labels* (`LABEL_COLUMNS`) with one row for each event of *data* that they apply to.

    A label of an entity gives a row for each of its events in ``[since, until)``; without ``until``
    the interval has no end. A label without any event is left out. Labels that name an event stay
    unchanged. Further columns are kept, except that rows made here have no `UNIT`.

    Raises:
        DataError: entity labels overlap so often that their rows would not fit into memory.
    """
    spread, since, until, entity = _about_entities(data, labels, detector)
    kept = labels.filter(pa.array(~spread))
    if not spread.any():
        return kept
    by_time = np.lexsort((data.times, data.entities))
    codes, times = data.entities[by_time], data.times[by_time]
    begins, ends = (np.searchsorted(codes, entity, side) for side in ("left", "right"))
    # An entity's rows are sorted by time, so each label covers one run of them. For units the run
    # is extended by the longest unit; `touches` below removes those that do not overlap.
    longest = int((data.times - data.firsts).max(initial=0))
    further = np.minimum(until, _NEVER - longest) + longest
    first, last = begins.copy(), begins.copy()
    for i in range(len(entity)):
        own = times[begins[i] : ends[i]]
        first[i] += np.searchsorted(own, since[i])
        last[i] += np.searchsorted(own, further[i])
    counts = np.maximum(last - first, 0)
    total = int(counts.sum())
    if total > MAX_LABELS:
        raise DataError(
            f"{len(entity):,} labels of entities cover events {total:,} times",
            hint="shorten labels.verdicts.window, or merge incidents that overlap",
        )
    label = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    rows = by_time[first[label] + within]
    touches = data.firsts[rows] < until[label]
    label, rows = label[touches], rows[touches]
    named = labels.filter(pa.array(spread)).take(pa.array(label))
    ids = data.event_ids.take(pa.array(rows)).cast(pa.string())
    joined = named.set_column(0, LABEL_COLUMNS.field("event_id"), ids)
    names = [name for name in labels.column_names if name != UNIT]
    return pa.concat_tables([kept, joined.select(names)], promote_options="default")


def _about_entities(
    data: Dataset, labels: pa.Table, detector: Detector
) -> tuple[NDArray[np.bool_], _Ints, _Ints, _Ints]:
    """Which *labels* apply to an entity; their since, until and index of the entity in *data*."""
    unnamed = labels.column("event_id").is_null().to_numpy()
    code = _codes(data, labels.column("entity"))
    since = _micros(labels.column("since"), 0)
    until = _micros(labels.column("until"), _NEVER)
    spread = unnamed & (code >= 0)
    verdicts = detector.labels.verdicts
    if verdicts is not None and verdicts.join == "entity" and verdicts.window is not None:
        of_alerts = pc.equal(labels.column("source"), VERDICT).to_numpy() & ~unnamed
        place = pc.index_in(flat(subjects(labels)), value_set=data.event_ids)
        row = pc.fill_null(place, -1).to_numpy()
        reach = verdicts.window.total_seconds() * 1e6
        seen = of_alerts & (row >= 0)
        seen[seen] = data.entities[row[seen]] >= 0  # without an entity, the event alone
        code[seen] = data.entities[row[seen]]
        since[seen] = data.firsts[row[seen]] - int(reach)
        until[seen] = data.times[row[seen]] + int(reach) + 1
        spread = spread | seen
    return spread, since[spread], until[spread], code[spread]


def _codes(data: Dataset, entities: pa.ChunkedArray) -> _Ints:
    found = pc.index_in(flat(entities), value_set=data.entity_names)
    return np.asarray(pc.fill_null(found, -1).to_numpy(), dtype=np.int64).copy()


def _micros(column: pa.ChunkedArray, absent: int) -> _Ints:
    filled = pc.fill_null(flat(column).cast(TIME).cast(pa.int64()), absent)
    return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=np.int64).copy()
