import numpy as np
import pyarrow as pa

from scoreback.models.judging.home import ENOUGH, Home, compare
from scoreback.models.judging.reference import ENTITY, Reference
from tests.unit.models.judging.test_reference import learnt, rows_of


def compared(rows: pa.Table, scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Home | None:
    reference: Reference = learnt(rows_of(4000, seed=3))
    return compare(reference, reference.counted(rows, scores, ENTITY))


def even(count: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.random.default_rng(5).random(count)


def test_rows_of_the_same_kind_are_at_home() -> None:
    for seed in range(20):
        home = compared(rows_of(150, seed=10 + seed), even(150))
        assert home is not None
        assert home.at_home, home.reasons


def test_too_few_rows_say_nothing() -> None:
    assert compared(rows_of(ENOUGH - 1), even(ENOUGH - 1)) is None


def test_other_scores_alone_are_not_at_home() -> None:
    home = compared(rows_of(200), np.full(200, 0.97))
    assert home is not None
    assert "scores are distributed otherwise" in home.reasons[0]


def test_one_feature_that_moved_is_told_and_is_no_other_home() -> None:
    home = compared(rows_of(200, shift=4.0), even(200))
    assert home is not None
    assert [f.name for f in home.features if f.unusual] == ["n"]
    assert home.at_home


def test_many_features_that_moved_are_not_at_home() -> None:
    home = compared(rows_of(200, shift=4.0, value="other"), even(200))
    assert home is not None
    assert "2 of 4 columns are far from training" in home.reasons[0]
    assert "value that training never saw" in home.reasons[0]


def test_a_field_that_is_gone_is_told_with_its_share() -> None:
    rows = rows_of(200)
    gone = rows.set_column(0, "n", pa.nulls(200, pa.float64()))
    home = compared(gone, even(200))
    assert home is not None
    assert home.features[0].why == "missing in 100% of rows, in training in 10%"


def test_entities_that_nobody_ever_saw_are_not_at_home() -> None:
    rows = rows_of(200)
    other = rows.set_column(3, ENTITY, pa.array([f"x{n}" for n in range(200)]))
    home = compared(other, even(200))
    assert home is not None
    assert home.reasons == ("100% of rows have an entity that training never saw",)
