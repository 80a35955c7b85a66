"""The events that scores are about, taken out of their references."""

import pyarrow as pa
import pyarrow.compute as pc


def events_of(scores: pa.Table, *, all_members: bool = True) -> pa.Table:
    """*scores* with the columns ``event_index``, ``seq_no`` and ``primary_term`` of their events.

    The last two are null where events were read without them, as nothing is written onto events.
    A unit of several events has a row for each, unless *all_members* is false.
    """
    del all_members
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
