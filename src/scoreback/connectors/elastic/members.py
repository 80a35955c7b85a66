"""The events that scores are about, taken out of their references."""

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.records import UNIT_REF, members_of


def events_of(scores: pa.Table, *, all_members: bool = True) -> pa.Table:
    """*scores* with the columns ``event_index``, ``seq_no`` and ``primary_term`` of their events.

    The last two are null where events were read without them, as nothing is written onto events.
    A unit of several events has a row for each that its reference names, with the event's id in
    place of its own; unless *all_members* is false: then one row, with its own id and the index of
    the first.
    """
    if pc.any(pc.starts_with(scores["event_ref"], UNIT_REF)).as_py():
        scores = _taken_apart(scores, all_members=all_members)
    plain = scores["event_ref"].combine_chunks()
    if not pc.any(pc.match_substring(plain, " ")).as_py():
        none = pa.nulls(len(plain), pa.int64())
        whole = scores.append_column("event_index", plain)
        return whole.append_column("seq_no", none).append_column("primary_term", none)
    parts = pc.split_pattern(scores["event_ref"].combine_chunks(), " ")
    lengths = pc.list_value_length(parts)
    known = pc.equal(lengths, 3)
    padded = pc.if_else(
        known,
        scores["event_ref"].combine_chunks(),
        pc.binary_join_element_wise(pc.list_element(parts, 0), "-", "-", " "),
    )
    whole = pc.split_pattern(padded, " ")
    numbers = [pc.if_else(known, pc.list_element(whole, n), None).cast(pa.int64()) for n in (1, 2)]
    return (
        scores.append_column("event_index", pc.list_element(whole, 0))
        .append_column("seq_no", numbers[0])
        .append_column("primary_term", numbers[1])
    )


def _taken_apart(scores: pa.Table, *, all_members: bool) -> pa.Table:
    """*scores* with the references of events alone; few enough are stored to walk them."""
    rows, refs, ids = list[int](), list[str](), list[str]()
    named = zip(scores["event_ref"].to_pylist(), scores["event_id"].to_pylist(), strict=True)
    for row, (ref, own) in enumerate(named):
        unit = members_of(ref)
        events = ((ref, own),) if unit is None else unit.named
        if unit is not None and not all_members:
            events = ((events[0][0] if events else "", own),)
        rows += [row] * len(events)
        refs += [event_ref for event_ref, _ in events]
        ids += [event_id for _, event_id in events]
    apart = scores.take(pa.array(rows, pa.int64()))
    for name, values in (("event_ref", refs), ("event_id", ids)):
        place = apart.column_names.index(name)
        apart = apart.set_column(place, name, pa.array(values, pa.string()))
    return apart
