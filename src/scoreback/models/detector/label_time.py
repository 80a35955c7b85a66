"""Finds the field that says when the label came to exist, and fields that are as late."""

from collections.abc import Sequence
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.models.detector.label_choice import Answer
from scoreback.models.detector.profile import Field
from scoreback.times import HOUR_US
from scoreback.timestamps import TimeReader

_DECIDED = frozenset(
    ("closed", "resolved", "decided", "judged", "labelled", "labeled", "triaged", "reviewed",
     "confirmed", "investigated", "verdict", "disposition", "resolution", "label", "adjudicated")
)  # fmt: skip
_OF_ANYTHING = frozenset(
    ("event", "events", "labels", "alert", "alerts", "rule", "host", "source", "time", "date",
     "at", "timestamp", "ts", "is", "kibana", "signal", "data", "vulnerability", "name", "id")
)  # fmt: skip
_CLOCK = frozenset(("time", "timestamp", "date", "ts", "at"))
_DAY_US = 86_400_000_000  # a date without time of day may be this much before its event
_SOME, _TOGETHER = 0.02, 0.99  # share of events without a value; share alike in two fields
_MOSTLY = 0.9  # share of positives with a time, and of times not before their event


def label_time(
    label: Answer, fields: Sequence[Field], event_times: pa.Array | None
) -> Field | None:
    """The time field of *label*: positives have it, and it is not before the event.

    Its name has to fit, or only events with a label have it.
    """
    own = set(label.field.words) - _OF_ANYTHING
    found = []
    for field in fields:
        words = set(field.words)
        shares = bool(words & own)
        meant = shares or bool(words & _DECIDED) or _filled_together(field, label.field)
        if meant and field.kind == "time" and _fits(field, label, event_times):
            found.append((not shares, field.name, field))
    return min(found, key=lambda each: each[:2])[2] if found else None


def decided_later(fields: Sequence[Field], event_times: pa.Array | None) -> dict[str, str]:
    """Fields filled in after the event, as a time field with their name tells: field → time.

    For example, all fields of ``ssvc_`` were filled in at ``ssvc_timestamp``.
    """
    found: dict[str, str] = {}
    if event_times is None:
        return found
    for time in fields:
        words = time.words
        if time.kind != "time" or len(words) < 2 or not set(words[1:]) <= _CLOCK:
            continue
        begin = time.name[: len(words[0]) + 1]
        if words[0] not in _OF_ANYTHING and begin.lower().startswith(words[0]):
            lag = _lags(time, event_times)
            if len(lag) and (lag > HOUR_US).mean() >= _MOSTLY:
                found |= {f.name: time.name for f in fields if f.name.startswith(begin)}
    return found


def _filled_together(one: Field, other: Field) -> bool:
    """Whether two fields are missing in the same events, of which there are some."""
    if min(one.missing, other.missing) < _SOME:
        return False
    same = pc.equal(pc.is_valid(one.texts), pc.is_valid(other.texts))
    return bool(pc.mean(same).as_py() >= _TOGETHER)


def _lags(field: Field, event_times: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The delay of each readable time of *field* after its event, in microseconds."""
    with closing(TimeReader()) as reader:
        times = reader.read(field.texts).values
    there = times.is_valid()
    times, events = (t.filter(there).cast(pa.int64()) for t in (times, event_times))
    return np.asarray(pc.subtract(times, events).to_numpy(zero_copy_only=False))


def _fits(field: Field, label: Answer, event_times: pa.Array | None) -> bool:
    positive = label.truth() == 1
    there = field.texts.is_valid().to_numpy(zero_copy_only=False)
    if not positive.any() or there[positive].mean() < _MOSTLY:
        return False
    if event_times is None:
        return True
    lag = _lags(field, event_times)
    return bool(len(lag) and (lag > -_DAY_US).mean() >= _MOSTLY)
