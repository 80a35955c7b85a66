"""Which events a score is written onto: its own, or each of a unit's."""

import pyarrow as pa

from scoreback.connectors.elastic.writing.members import events_of
from scoreback.naming import Members, unit_ref

UNIT = unit_ref(Members(events=3, named=(("logs-a 7 1", "e1"), ("logs-b 8 2", "e2"))))


def test_a_unit_has_a_row_for_each_event_that_its_reference_names() -> None:
    scores = pa.table(
        {"event_id": ["u", "e9"], "event_ref": [UNIT, "logs-c 9 3"], "score": [0.9, 0.1]}
    )
    found = events_of(scores)
    assert found["event_id"].to_pylist() == ["e1", "e2", "e9"]
    assert found["event_index"].to_pylist() == ["logs-a", "logs-b", "logs-c"]
    assert found["seq_no"].to_pylist() == [7, 8, 9]
    assert found["primary_term"].to_pylist() == [1, 2, 3]
    assert found["score"].to_pylist() == [0.9, 0.9, 0.1]


def test_asked_for_one_row_a_score_a_unit_keeps_its_own_id_and_has_no_index() -> None:
    scores = pa.table({"event_id": ["u"], "event_ref": [UNIT], "score": [0.9]})
    found = events_of(scores, all_members=False)
    assert found["event_id"].to_pylist() == ["u"]
    assert found["event_index"].to_pylist() == [None]


def test_events_that_were_read_without_sequence_numbers_have_none() -> None:
    ref = unit_ref(Members(events=1, named=(("logs-a", "e1"),)))
    scores = pa.table({"event_id": ["u", "e2"], "event_ref": [ref, "logs-b"], "score": [0.9, 0.1]})
    found = events_of(scores)
    assert found["event_index"].to_pylist() == ["logs-a", "logs-b"]
    assert found["seq_no"].null_count == 2
