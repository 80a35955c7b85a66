"""Writes scores onto their events, as partial updates in the backing index where they differ.

Off unless a detector asks for it: an update makes the server rewrite the whole document, and a
detection rule whose window still contains the event raises a second alert for the new version.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.connectors.json.documents import documents
from scoreback.records import Refused, WriteReport

ROUNDS = 3  # for events that somebody changed between Scoreback's read and write


def update_events(client: Client, events: pa.Table) -> WriteReport:
    """Write the scores of *events* onto them.

    Args:
        client: the connection's client.
        events: the result of `members.events_of`, with what each event had in
            ``scoreback.detectors.NAME.score`` and ``.version`` when it was read.

    Raises:
        SiemUnavailable: scores written so far stay; writing all again changes nothing.
    """
    changed = _changed(events)
    unchanged = events.num_rows - changed.num_rows
    written, refused = 0, list[Refused]()
    for turn in range(ROUNDS):
        if not changed.num_rows:
            break
        lines = _updates(changed)
        report = bulk.send(client, "/_bulk", lines)
        written += len(report.done)
        refused.extend(bulk.refusals(changed["event_id"].to_pylist(), lines, report))
        again = changed.take(pa.array(sorted(report.conflicts), pa.int64()))
        if turn == ROUNDS - 1:
            refused.extend(
                Refused(item_id=event, reason="others keep changing the event")
                for event in again["event_id"].to_pylist()
            )
            break
        changed, gone = _read_again(client, again)
        refused.extend(
            Refused(item_id=event, reason="the event no longer exists") for event in gone
        )
    return WriteReport(written=written, already_there=unchanged, refused=tuple(refused))


def _changed(events: pa.Table) -> pa.Table:
    """The rows whose event does not have this score yet."""
    names = set(events.column_names)
    same = np.zeros(events.num_rows, dtype=bool)
    detectors = events["detector"]
    for detector in pc.unique(detectors).to_pylist():
        own = f"scoreback.detectors.{detector}"
        if not {f"{own}.score", f"{own}.version"} <= names:
            continue
        alike = pc.and_(
            pc.equal(_numbers(events[f"{own}.score"]), events["score"]),
            pc.equal(events[f"{own}.version"], events["version"]),
        )
        here = pc.and_(pc.equal(detectors, detector), pc.fill_null(alike, False))
        same |= here.to_numpy()
    return events.filter(pa.array(~same))


def _numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers as the server writes them, 1.0E-5 for 1e-05; text that is not a number is missing."""
    number = pc.match_substring_regex(texts, r"^[0-9]+([.][0-9]+)?([eE][+-]?[0-9]+)?$")
    return pc.if_else(number, texts, None).cast(pa.float64())


def _updates(events: pa.Table) -> pa.Array:
    """Lines of a bulk request; sequence numbers prevent writing onto a changed event."""
    score = documents(
        {
            "score": events["score"],
            "risk": events["risk"],
            "alert": events["alert"],
            "version": events["version"],
            "scored_at": events["scored_at"],
        },
        {},
    )
    nested = pc.binary_join_element_wise(
        '{"doc":{"scoreback":{"detectors":{"',
        events["detector"].combine_chunks(),
        '":',
        score,
        "}}}}",
        "",
    )
    heads = {
        "_index": events["event_index"],
        "_id": events["event_id"],
        "if_seq_no": events["seq_no"],
        "if_primary_term": events["primary_term"],
    }
    return actions("update", heads, nested)


def _read_again(client: Client, events: pa.Table) -> tuple[pa.Table, list[str]]:
    """*events* with their newest sequence numbers, and the ids of those that no longer exist."""
    if not events.num_rows:
        return events, []
    asked = [
        {"_index": index, "_id": event, "_source": False}
        for index, event in zip(
            events["event_index"].to_pylist(), events["event_id"].to_pylist(), strict=True
        )
    ]
    found = client.call("POST", "/_mget", {"docs": asked})["docs"]
    there = np.array([bool(document.get("found")) for document in found])
    gone = events["event_id"].filter(pa.array(~there)).to_pylist()
    kept = events.filter(pa.array(there))
    return _with_numbers(kept, [document for document in found if document.get("found")]), gone


def _with_numbers(events: pa.Table, documents_found: Sequence[dict[str, int]]) -> pa.Table:
    for column, key in (("seq_no", "_seq_no"), ("primary_term", "_primary_term")):
        place = events.column_names.index(column)
        numbers = pa.array([document[key] for document in documents_found], pa.int64())
        events = events.set_column(place, column, numbers)
    return events
