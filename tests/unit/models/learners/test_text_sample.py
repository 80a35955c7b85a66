"""Where texts are too many, each class is sampled by hash."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.models.learners import text_sample
from scoreback.models.learners.ranking import average_precision
from scoreback.models.learners.text_sample import TextSample, at_a_time
from scoreback.models.learners.texts import TextModel, fit_text, out_of_fold

ROOM = 600
DIALECTS = 12


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_sample, "MAX_TEXTS", ROOM)
    monkeypatch.setattr(text_sample, "LEAST_TEXTS", 1)


def names(seed: int, positives: int, negatives: int) -> tuple[pa.Array, np.ndarray]:
    """Names by chains of letters: one for attacks, and for others one for each first letter."""
    draw = np.random.default_rng(seed)
    tables = np.random.default_rng(99).dirichlet(np.full(26, 0.6), (DIALECTS + 1, 26)).cumsum(2)
    first = draw.integers(0, DIALECTS, positives + negatives)
    dialect = np.where(np.arange(len(first)) < positives, DIALECTS, first)
    letters = [first]
    for _ in range(8):
        chance = draw.random((len(first), 1))
        letters.append(np.minimum((tables[dialect, letters[-1]] < chance).sum(axis=1), 25))
    rows = ["".join(chr(97 + letter) for letter in row) for row in np.stack(letters, axis=1)]
    truth = np.repeat([1, 0], [positives, negatives]).astype(np.int8)
    order = draw.permutation(len(truth))
    return pa.array(rows).take(pa.array(order)), truth[order]


def precision(model: TextModel) -> float:
    rows, truth = names(2, 300, 1200)
    return average_precision(truth, model.margins(rows))


def test_negatives_of_the_whole_alphabet_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, truth = names(1, 550, 2400)
    whole = precision(fit_text(rows, truth))
    monkeypatch.setattr(text_sample, "MAX_TEXTS", ROOM)
    monkeypatch.setattr(text_sample, "LEAST_TEXTS", 1)
    assert precision(fit_text(rows, truth)) > whole - 0.05


@pytest.mark.usefixtures("small")
def test_the_smaller_class_is_kept_whole_and_the_other_fills_the_room() -> None:
    for positives, negatives, kept in ((40, 2000, (40, 560)), (2000, 40, (560, 40)),
                                       (900, 900, (300, 300)), (300, 300, (300, 300))):  # fmt: skip
        counts = fit_text(*names(1, positives, negatives)).counts
        assert counts is not None
        assert (counts.learnt_positives, counts.learnt_negatives) == kept


@pytest.mark.usefixtures("small")
def test_each_class_keeps_its_share_in_the_log_odds() -> None:
    rows, truth = names(1, 60, 3000)
    said = 1 / (1 + np.exp(-fit_text(rows, truth).margins(rows)))
    assert said.mean() == pytest.approx(truth.mean(), rel=0.5)


@pytest.mark.usefixtures("small")
def test_a_sample_is_the_same_in_whatever_order_rows_come() -> None:
    rows, truth = names(3, 400, 900)
    order = np.random.default_rng(0).permutation(len(truth))
    again = fit_text(rows.take(pa.array(order)), truth[order])
    assert again == fit_text(rows, truth)
    assert fit_text(rows, truth, seed=1) != again


@pytest.mark.usefixtures("small")
def test_a_text_that_comes_often_is_one_text() -> None:
    rows, truth = names(4, 250, 300)
    often = pa.concat_arrays([rows, rows, rows])
    counts = fit_text(often, np.tile(truth, 3)).counts
    assert counts is not None
    assert counts.left_out == 0


@pytest.mark.usefixtures("small")
def test_rows_beyond_the_sample_get_their_number_out_of_fold_too() -> None:
    rows, truth = names(5, 500, 2500)
    found = out_of_fold(rows, truth)
    assert np.isfinite(found).all()
    assert average_precision(truth, found) > 0.5


def test_long_texts_are_fewer_at_a_time() -> None:
    assert at_a_time(pa.array(["x" * 20])) == text_sample.MAX_TEXTS
    assert at_a_time(pa.array(["x" * 2000])) == 10_000
    assert at_a_time(pa.array(["x" * 10**6])) == text_sample.LEAST_TEXTS
    assert at_a_time(pa.array([], pa.string())) == text_sample.MAX_TEXTS


BAD_DAYS = {
    "empty texts": (["", " ", ""] * 40, [1, 0, 0] * 40),
    "no text at all": ([None] * 90, [1, 0, 0] * 30),
    "one text": (["ls -la"] * 90, [1, 0, 0] * 30),
    "all positive": ([f"rm {i}" for i in range(90)], [1] * 90),
    "all negative": ([f"rm {i}" for i in range(90)], [0] * 90),
    "more positives than fit": ([f"rm {i}" for i in range(2000)], [1] * 1990 + [0] * 10),
    "positives on one day only": ([f"rm {i}" for i in range(90)], [1] * 20 + [0] * 70),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("day", BAD_DAYS)
def test_a_bad_day_gives_a_number_for_each_text(day: str) -> None:
    texts, labels = BAD_DAYS[day]
    rows, truth = pa.array(texts, pa.string()), np.array(labels, dtype=np.int8)
    for found in (fit_text(rows, truth).margins(rows), out_of_fold(rows, truth)):
        np.testing.assert_array_equal(np.isnan(found), rows.is_null().to_numpy(False))
        assert not np.isinf(found).any()


@given(st.lists(st.tuples(st.text(max_size=4), st.integers(0, 3)), unique_by=lambda pair: pair[0]),
       st.integers(0, 5))  # fmt: skip
def test_no_text_is_chosen_for_a_class_that_it_is_not_in(
    pairs: list[tuple[str, int]], seed: int
) -> None:
    texts = pa.array([text for text, _ in pairs], pa.string())
    classes = np.array([of for _, of in pairs], dtype=int)
    positive, negative = (classes & 1) > 0, (classes & 2) > 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(text_sample, "MAX_TEXTS", 6)
        patched.setattr(text_sample, "LEAST_TEXTS", 1)
        sample = TextSample.of(texts, positive, negative, seed)
    assert not (sample.positive & ~positive).any()
    assert not (sample.negative & ~negative).any()
    both = int(positive.sum() + negative.sum())
    assert int(sample.positive.sum() + sample.negative.sum()) == min(both, 6)
