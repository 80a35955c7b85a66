"""Labels of entities reach their events: against a loop over all pairs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.errors import DataError
from scoreback.models.detector.spec import Detector
from scoreback.models.labels import joins
from scoreback.models.labels.dataset import Dataset
from scoreback.models.labels.joins import event_labels
from scoreback.models.labels.truths import truths_as_of
from scoreback.records import LABEL_COLUMNS

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def detector(verdicts: dict[str, str]) -> Detector:
    return Detector.model_validate(
        {
            "name": "lab",
            "events": {"local": {"stream": "alerts"}},
            "entity": "host.name",
            "labels": {"verdicts": verdicts},
            "features": [{"kind": "number", "field": "x", "name": "x"}],
            "alerts": {"budget": "5/day"},
        }
    )


BY_EVENT = detector({"join": "event"})
BY_ENTITY = detector({"join": "entity", "window": "10m"})


def dataset(events: list[tuple[int, str | None]]) -> Dataset:
    times = [BEGIN + minute * MINUTE for minute, _ in events]
    rows = pa.table(
        {
            "event_id": [f"e{i}" for i in range(len(events))],
            "event_time": pa.array(times, pa.timestamp("us", tz="UTC")),
            "arrival_time": pa.array(times, pa.timestamp("us", tz="UTC")),
            "entity": pa.array([entity for _, entity in events], pa.string()),
            "x": [1.0] * len(events),
        }
    )
    return Dataset.of(rows, BY_EVENT)


def labels(*rows: dict[str, Any]) -> pa.Table:
    common = {"verdict": "true_positive", "label_time": BEGIN, "labeller": "ann"}
    return pa.Table.from_pylist(
        [common | {"source": "verdict"} | row for row in rows], schema=LABEL_COLUMNS
    )


def reached(found: pa.Table) -> list[str]:
    return sorted(found["event_id"].to_pylist())


event = st.tuples(st.integers(0, 60), st.sampled_from(["a", "b", None]))
incident = st.tuples(st.sampled_from(["a", "b", "z"]), st.integers(0, 60), st.integers(0, 60))


@given(st.lists(event, min_size=1, max_size=20), st.lists(incident, max_size=6))
def test_an_incident_labels_the_events_of_its_entity_within_its_time(
    events: list[tuple[int, str | None]], incidents: list[tuple[str, int, int]]
) -> None:
    given_labels = labels(
        *(
            {"entity": e, "since": BEGIN + a * MINUTE, "until": BEGIN + b * MINUTE}
            for e, a, b in incidents
        )
    )
    expected = sorted(
        f"e{i}"
        for e, a, b in incidents
        for i, (minute, entity) in enumerate(events)
        if entity == e and a <= minute < b
    )
    found = event_labels(dataset(events), given_labels, BY_EVENT)
    assert [i for i in reached_or_none(found) if i is not None] == expected
    assert found.schema.equals(LABEL_COLUMNS)


def reached_or_none(found: pa.Table) -> list[str]:
    return sorted(i for i in found["event_id"].to_pylist() if i is not None)


def test_an_incident_that_goes_on_has_no_end() -> None:
    data = dataset([(0, "a"), (5, "a"), (50, "a"), (50, "b")])
    found = event_labels(
        data, labels({"entity": "a", "since": BEGIN + 5 * MINUTE, "source": "incidents"}), BY_EVENT
    )
    assert reached(found) == ["e1", "e2"]


def test_a_verdict_reaches_the_entitys_events_around_the_alert() -> None:
    data = dataset([(0, "a"), (9, "a"), (19, "a"), (29, "a"), (20, "b"), (19, None)])
    verdict = labels({"event_id": "e2"})
    assert reached(event_labels(data, verdict, BY_ENTITY)) == ["e1", "e2", "e3"]
    assert reached(event_labels(data, verdict, BY_EVENT)) == ["e2"]


def test_only_verdicts_on_known_events_with_an_entity_are_spread() -> None:
    data = dataset([(0, "a"), (1, "a"), (1, None), (2, None)])
    given_labels = labels(
        {"event_id": "e0", "source": "field:outcome"}, {"event_id": "e2"}, {"event_id": "old"}
    )
    assert reached(event_labels(data, given_labels, BY_ENTITY)) == ["e0", "e2", "old"]


def test_labels_that_overlap_beyond_all_measure_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joins, "MAX_LABELS", 5)
    data = dataset([(i, "a") for i in range(3)])
    every = {"entity": "a", "since": BEGIN, "source": "incidents"}
    with pytest.raises(DataError, match="2 labels of entities cover events 6 times"):
        event_labels(data, labels(every, every), BY_EVENT)


def test_a_withdrawn_verdict_is_withdrawn_from_every_event_that_it_reached() -> None:
    data = dataset([(0, "a"), (9, "a"), (10, "b")])
    given = labels(
        {"event_id": "e0"},
        {"event_id": "e0", "label_time": BEGIN + MINUTE, "withdrawn": True},
        {"event_id": "e2"},
    )
    found = event_labels(data, given, BY_ENTITY)
    known = [truths_as_of(found, BY_ENTITY, BEGIN + n * MINUTE) for n in range(2)]
    assert [sorted(truths.event_ids.to_pylist()) for truths in known] == [
        ["e0", "e1", "e2"],
        ["e2"],
    ]
