import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.judging.home import ENOUGH, Home, compare
from scoreback.models.judging.reference import ENTITY, Reference, reference_of
from tests.unit.models.judging.test_reference import FEATURES, learnt, rows_of


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


def close_together(count: int, base: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Scores of a model whose labels are rare: nearly all lie about *base*, in log-odds."""
    draw = np.random.default_rng(count)
    odds = base + draw.normal(scale=0.03, size=count)
    odds[::20] = draw.uniform(-4, 4, len(odds[::20]))
    return 1 / (1 + np.exp(-odds))


@pytest.mark.parametrize(("base", "at_home"), [(-6.08, True), (-5.8, True), (-4.5, False),
                                               (-8.0, False)])  # fmt: skip
def test_what_a_refit_moves_is_no_other_home(base: float, *, at_home: bool) -> None:
    rows = rows_of(2000, seed=3)
    halves = np.concatenate([close_together(1000, -6.0), close_together(1000, -5.9)])
    reference = reference_of(FEATURES, rows, rows[ENTITY].combine_chunks(), halves)
    home = compare(reference, reference.counted(rows_of(900), close_together(900, base), ENTITY))
    assert home is not None
    assert home.at_home is at_home, home.reasons
