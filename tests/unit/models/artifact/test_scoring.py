"""Scoring: the same row, the same score, and the numbers that go with it."""

import numpy as np
import pyarrow as pa
import pytest

from scoreback.errors import DataError
from scoreback.models.artifact.scoring import Scorer
from scoreback.models.training.training import Training


def test_a_row_scores_the_same_alone_in_any_batch_and_in_any_order(
    training: Training, rows: pa.Table
) -> None:
    scorer, rows = Scorer(training.artifact), rows.slice(0, 300)
    whole = scorer.score(rows)
    alone = np.concatenate([scorer.score(rows.slice(i, 1)).scores for i in range(300)])
    np.testing.assert_array_equal(alone, whole.scores)
    order = np.random.default_rng(1).permutation(300)
    np.testing.assert_array_equal(scorer.score(rows.take(order)).scores, whole.scores[order])


def test_the_order_of_columns_and_others_beside_them_change_nothing(
    training: Training, rows: pa.Table
) -> None:
    scorer, rows = Scorer(training.artifact), rows.slice(0, 50)
    mixed = rows.select(list(reversed(rows.column_names))).append_column("new", pa.nulls(50))
    np.testing.assert_array_equal(scorer.score(mixed).scores, scorer.score(rows).scores)


def test_a_row_where_everything_is_missing_has_a_score(training: Training) -> None:
    names = {f.name: pa.nulls(1, pa.float64()) for f in training.artifact.features}
    rows = pa.table(names | {"rule.id": pa.nulls(1, pa.string())})
    assert 0 <= Scorer(training.artifact).score(rows).scores[0] <= 1
    assert len(Scorer(training.artifact).reasons(rows)) == 1


def test_no_rows_give_no_scores(training: Training, rows: pa.Table) -> None:
    scorer, nothing = Scorer(training.artifact), rows.slice(0, 0)
    assert len(scorer.score(nothing).scores) == 0
    assert scorer.reasons(nothing) == []


def test_rows_without_a_feature_are_refused_by_name(training: Training, rows: pa.Table) -> None:
    with pytest.raises(DataError, match="entropy"):
        Scorer(training.artifact).score(rows.drop_columns(["entropy"]))
