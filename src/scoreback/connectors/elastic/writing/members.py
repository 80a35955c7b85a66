"""The events of scores, parsed from the scores' references."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat, text_bytes
from scoreback.naming import UNIT_REF, members_of

_STATE = r"^(?P<index>[^ ]+) (?P<seq_no>[0-9]+) (?P<primary_term>[0-9]+)$"


def events_of(scores: pa.Table, *, all_members: bool = True) -> pa.Table:
    """*scores* with the columns ``event_index``, ``seq_no`` and ``primary_term`` of their events.

    The last two are null where events were read without them, because nothing is written onto the
    events. A unit of several events has a row for each event in its reference; without
    *all_members* it has a single row without an index.
    """
    refs = scores["event_ref"]
    units = pc.starts_with(refs, UNIT_REF)
    if pc.any(units).as_py():
        if all_members:
            scores = _members(scores)
            refs = scores["event_ref"]
        else:
            refs = pc.if_else(units, None, refs)
    plain = flat(refs)
    if not (text_bytes(plain) == ord(" ")).any():
        none = pa.nulls(len(plain), pa.int64())
        whole = scores.append_column("event_index", plain)
        return whole.append_column("seq_no", none).append_column("primary_term", none)
    index, seq_no, term = pc.extract_regex(plain, _STATE).flatten()  # null where there is none
    return (
        scores.append_column("event_index", pc.coalesce(index, plain))
        .append_column("seq_no", seq_no.cast(pa.int64()))
        .append_column("primary_term", term.cast(pa.int64()))
    )


def _members(scores: pa.Table) -> pa.Table:
    """A row for each event; events of a unit have the unit's score."""
    rows, refs, ids = [], [], []
    pairs = zip(scores["event_ref"].to_pylist(), scores["event_id"].to_pylist(), strict=True)
    for row, (ref, event_id) in enumerate(pairs):
        unit = members_of(ref)
        for member_ref, member_id in unit.named if unit else ((ref, event_id),):
            rows.append(row)
            refs.append(member_ref)
            ids.append(member_id)
    found = scores.take(pa.array(np.array(rows, dtype=np.int64)))
    for name, values in (("event_ref", refs), ("event_id", ids)):
        place = found.column_names.index(name)
        found = found.set_column(place, name, pa.array(values, pa.string()))
    return found
