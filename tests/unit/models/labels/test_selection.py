"""What a labelled unit stands for: one over the chance that it was shown, up to the cap."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.labels.selection import CAP, effective, weights_of
from scoreback.records import LABEL_COLUMNS

T = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
IDS = pa.array(["a", "b", "c"])
ALERT, AUDIT, EXPLORE = "lab", "lab.audit", "lab.explore"
Row = tuple[str, str, float | None]  # event, rule, chance


def labels(
    rows: Sequence[Row], at: datetime = T, *, withdrawn: bool = False, labeller: str = "kim"
) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "event_id": event, "verdict": "false_positive", "label_time": at,
                "labeller": labeller, "source": "verdict", "propensity": chance,
                "alert_id": f"{rule}/{event}", "rule": rule, "withdrawn": withdrawn,
            }
            for event, rule, chance in rows
        ],
        schema=LABEL_COLUMNS,
    )  # fmt: skip


def weights(*tables: pa.Table, as_of: datetime = T) -> list[float] | None:
    found = weights_of(IDS, pa.concat_tables(tables), "lab", as_of)
    return None if found is None else found.tolist()


def test_what_was_drawn_stands_for_one_over_its_chance_up_to_the_cap() -> None:
    found = weights(labels([("a", ALERT, 1.0), ("b", AUDIT, 0.25), ("c", AUDIT, 0.001)]))
    assert found == [1.0, 4.0, CAP]
    assert weights(labels([("a", EXPLORE, 0.5)])) == [2.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "row",
    [
        ("a", ALERT, 0.1),  # not drawn, whatever stands there
        ("a", AUDIT, None),  # by which chance is not known
        ("a", AUDIT, 0.0),
        ("a", AUDIT, 1.5),
        ("a", AUDIT, 1.0),
        ("a", "other.audit", 0.1),
        ("elsewhere", AUDIT, 0.1),
    ],
)
def test_where_nothing_was_drawn_by_a_known_chance_there_are_no_weights(row: Row) -> None:
    assert weights(labels([row, ("b", ALERT, 1.0)])) is None


def test_what_was_shown_as_an_alert_too_stands_for_itself() -> None:
    drawn = labels([("a", AUDIT, 0.1), ("b", AUDIT, 0.1)])
    assert weights(drawn, labels([("a", ALERT, None)])) == [1.0, 10.0, 1.0]
    assert weights(drawn, labels([("b", EXPLORE, 0.5)])) == [10.0, 2.0, 1.0]


def test_only_labels_that_existed_and_stand_count() -> None:
    drawn, later = labels([("a", AUDIT, 0.1)]), labels([("b", AUDIT, 0.1)], T + DAY)
    assert weights(drawn, later) == [10.0, 1.0, 1.0]
    assert weights(drawn, later, as_of=T + DAY) == [10.0, 10.0, 1.0]
    taken_back = labels([("a", AUDIT, 0.1)], T + DAY, withdrawn=True)
    assert weights(drawn, later, taken_back, as_of=T + DAY) == [1.0, 10.0, 1.0]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "d"]),
            st.sampled_from([ALERT, AUDIT, EXPLORE]),
            st.none() | st.floats(-1, 2, allow_nan=False),
        ),
        max_size=12,
    )
)
def test_weights_lie_between_one_and_the_cap_and_tell_at_most_as_much_as_there_are(
    rows: list[Row],
) -> None:
    found = weights_of(IDS, labels(rows), "lab", T)
    if found is None:
        return
    assert found.min() >= 1.0
    assert 1.0 < found.max() <= CAP
    assert 1.0 <= effective(found) <= len(found) + 1e-9


@given(st.lists(st.floats(1, CAP), min_size=1, max_size=50))
def test_rows_of_equal_weight_tell_most(given_weights: list[float]) -> None:
    of = np.array(given_weights)
    assert effective(of) <= len(of) + 1e-9
    assert effective(np.full(len(of), 3.0)) == pytest.approx(len(of))
