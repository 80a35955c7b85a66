"""Texts in a training: what was left out is said, and the long work on them is told."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from scoreback.models.detector.spec import Detector
from scoreback.models.learners import text_sample
from scoreback.models.training.training import train

History = tuple[pa.Table, pa.Table, datetime]
COMMAND = {"kind": "ngrams", "field": "process.command_line", "name": "command"}


def test_a_training_tells_its_progress_and_what_it_left_out(
    make_history: Callable[..., History],
    make_detector: Callable[..., Detector],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_sample, "MAX_TEXTS", 300)
    monkeypatch.setattr(text_sample, "LEAST_TEXTS", 1)
    rows, labels, as_of = make_history(events=3000)
    truth = dict(zip(labels["event_id"].to_pylist(), labels["verdict"].to_pylist(), strict=True))
    draw = np.random.default_rng(0)
    texts = [
        f"{'curl' if truth.get(i) == 'true_positive' else 'cat'} /tmp/{draw.integers(0, 10**9)}"
        for i in rows["event_id"].to_pylist()
    ]
    rows = rows.drop_columns(["hold_out"]).append_column("command", pa.array(texts))
    detector = make_detector(features=[COMMAND], train={"algorithms": ["logistic_regression"]})
    steps: list[tuple[int, int, str]] = []
    found = train(detector, rows, labels, as_of, progress=lambda *step: steps.append(step))
    (said,) = [warning for warning in found.warnings if "'command'" in warning]
    assert "a seeded sample of" in said
    counts = found.artifact.encoder.texts["command"].counts
    assert counts is None  # what was left out is of the training, not of the artefact
    told = [step for _, _, step in steps]
    assert "judging on block 1 of 3: earlier days, texts, part 5 of 5" in told
    assert "judging on block 1 of 3: texts, part 5 of 5" in told
    assert "fitting logistic_regression on all days: texts, part 1 of 5" in told
    assert [done for done, _, _ in steps] == sorted(done for done, _, _ in steps)
