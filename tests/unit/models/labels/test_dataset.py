"""Rows joined with labels: maturity, repeats, and the hash of what was learnt from."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from scoreback.errors import DataError
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.dataset import Dataset, known_at, once_a_day, row_hash
from scoreback.records import TIME

AS_OF = datetime(2026, 3, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def rows(times: list[datetime], **columns: list[Any]) -> pa.Table:
    count = len(times)
    given = {
        "event_id": [f"e{i}" for i in range(count)],
        "event_time": pa.array(times, TIME),
        "arrival_time": pa.array(times, TIME),
        "entity": pa.array(["h"] * count, pa.string()),
        "rule.id": pa.array(["r"] * count, pa.string()),
        "network.bytes": [1.0] * count,
        "entropy": [1.0] * count,
        "count": [1.0] * count,
    }
    return pa.table(given | columns)


def test_rows_that_were_not_mature_are_left_out_and_their_days_named(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    detector = make_detector(labels={"verdicts": {"join": "event"}, "mature_after": "2d"})
    times = [AS_OF - 100 * DAY, AS_OF - 3 * DAY, AS_OF - 2 * DAY, AS_OF - DAY, AS_OF + DAY]
    data = Dataset.of(rows(times), detector)
    labels = make_labels([f"e{i}" for i in range(5)], ["true_positive"] * 5, [AS_OF] * 5)
    known = known_at(data, labels, detector, AS_OF)
    assert known.usable.tolist() == [False, True, True, False, False]
    assert known.truth.tolist() == [-1, 1, 1, -1, -1]
    assert (known.immature, known.immature_days, known.too_old) == (1, ("2026-03-19",), 1)


def test_an_event_that_had_not_arrived_is_not_known(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    arrival = pa.array([AS_OF + DAY], TIME)
    data = Dataset.of(rows([AS_OF - 5 * DAY], arrival_time=arrival), make_detector())
    assert not known_at(data, make_labels([], [], []), make_detector(), AS_OF).usable.any()


def test_presumed_benign_fills_what_nobody_looked_at_and_nothing_else(
    make_detector: Callable[..., Detector], make_labels: Callable[..., pa.Table]
) -> None:
    keys = {"verdicts": {"join": "event"}, "unlabelled": "presumed_benign", "mature_after": "1d"}
    detector = make_detector(labels=keys)
    data = Dataset.of(rows([AS_OF - 3 * DAY, AS_OF - 2 * DAY, AS_OF]), detector)
    labels = make_labels(["e0"], ["undetermined"], [AS_OF - DAY])
    assert known_at(data, labels, detector, AS_OF).truth.tolist() == [-1, 0, -1]


def test_equal_rows_with_equal_truth_count_once_a_day(
    make_detector: Callable[..., Detector],
) -> None:
    nan = float("nan")
    same = [AS_OF, AS_OF, AS_OF, AS_OF, AS_OF + DAY, AS_OF]
    numbers = pa.array([nan, None, 0.0, -0.0, 0.0, 0.0])
    category = ["r", "r", "r", "r", "r", None]
    data = Dataset.of(rows(same, count=numbers, **{"rule.id": category}), make_detector())
    everything = np.ones(6, dtype=bool)
    order = data.event_ids.to_pylist()
    truth = np.zeros(6, dtype=np.int8)
    kept = once_a_day(data, truth, everything)
    assert [e for e, k in zip(order, kept, strict=True) if k] == ["e0", "e2", "e5", "e4"]
    truth[order.index("e3")] = 1
    assert once_a_day(data, truth, everything).sum() == 5


def test_an_event_id_counts_once_and_order_changes_nothing(
    make_detector: Callable[..., Detector],
) -> None:
    table = rows([AS_OF, AS_OF - DAY, AS_OF], event_id=["b", "a", "b"])
    data = Dataset.of(table, make_detector())
    assert (data.event_ids.to_pylist(), data.repeated) == (["a", "b"], 1)


def test_the_row_hash_names_the_rows_whatever_their_order_and_chunks(
    make_detector: Callable[..., Detector],
) -> None:
    detector = make_detector()
    table = rows([AS_OF + DAY * i for i in range(6)], count=[1.0, 2.0, None, 4.0, 5.0, 6.0])

    def hashed(given: pa.Table, truth: int = 0) -> str:
        data = Dataset.of(given, detector)
        truths = np.full(6, truth, dtype=np.int8)
        return row_hash(data, truths, np.ones(6, dtype=bool))

    shuffled = pa.concat_tables([table.slice(4), table.slice(0, 4)])
    assert hashed(shuffled) == hashed(table)
    assert hashed(table, truth=1) != hashed(table)
    other = rows([AS_OF + DAY * i for i in range(6)], count=[1.0, 2.0, 0.0, 4.0, 5.0, 6.0])
    assert hashed(other) != hashed(table)


@pytest.mark.parametrize("name", ["event_id", "entity", "rule.id", "count"])
def test_a_missing_column_is_named(make_detector: Callable[..., Detector], name: str) -> None:
    with pytest.raises(DataError, match=name):
        Dataset.of(rows([AS_OF]).drop_columns([name]), make_detector())


def test_a_feature_of_another_type_is_named(make_detector: Callable[..., Detector]) -> None:
    with pytest.raises(DataError, match="entropy"):
        Dataset.of(rows([AS_OF], entropy=["high"]), make_detector())
