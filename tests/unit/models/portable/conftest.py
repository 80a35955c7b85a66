"""Detectors of every portable kind of feature, learnt from hard events by every algorithm."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from scoreback.models.artifact.folder import Artifact
from scoreback.models.artifact.manifest import (
    FORMAT,
    FORMAT_VERSION,
    DataWindow,
    Manifest,
    ModelFile,
    RiskKnots,
)
from scoreback.models.detector.spec import EventFeature
from scoreback.models.features.event_features import EventFeatures, FeaturePlan
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.encoding import Encoder
from scoreback.models.learners.model import Lesson, Matrix
from scoreback.models.portable.hard_events import hard_events
from scoreback.models.portable.parity import batch_of
from scoreback.models.portable.words import words_of
from scoreback.portable.model import Linear, PortableFeature, PortableModel, Term

MakeArtifact = Callable[[str], Artifact]
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def feature(kind: str, field: str, name: str, **more: str) -> EventFeature:
    return EventFeature.model_validate({"kind": kind, "field": field, "name": name} | more)


FEATURES = (
    feature("number", "network.bytes", "bytes"),
    feature("number", "network.packets", "most", take="max"),
    feature("number", "network.packets", "all", take="sum"),
    feature("number", "network.packets", "least", take="min"),
    feature("ratio", "network.bytes", "share", divisor="network.packets"),
    feature("category", "rule.id", "rule"),
    feature("category", "url.path", "path"),
    feature("length", "url.path", "length"),
    feature("digits", "url.path", "digits"),
    feature("entropy", "url.path", "entropy"),
    feature("is_private_ip", "source.ip", "private"),
    feature("hour_of_day", "event_time", "hour"),
    feature("day_of_week", "event_time", "day"),
    feature("hour_of_day", "arrival_time", "hour of arrival"),
)


@dataclass(frozen=True)
class _Learnt:
    matrix: Matrix
    truth: NDArray[np.int8]
    encoder: Encoder


@cache
def _lesson() -> _Learnt:
    events = hard_events(_blank(), 4000, seed=1)
    plan = FeaturePlan(FEATURES, timedelta(0))
    computed = EventFeatures(plan)
    rows = computed.rows(batch_of(events, plan.fields)).table
    computed.close()
    draw = np.random.default_rng(2)
    numbers = {name: _numbers(rows, name) for name in ("bytes", "length", "hour")}
    odds = 2.0 * (numbers["bytes"] > 1) + 2.0 * (numbers["length"] > 20)
    odds += 1.5 * (numbers["hour"] < 6) - 3.0
    truth = (draw.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    encoder = Encoder.fit(rows, truth, FEATURES)
    return _Learnt(encoder.learning_matrix(rows, truth), truth, encoder)


def _numbers(rows: pa.Table, name: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.nan_to_num(rows[name].to_numpy())
    return found


def _blank() -> PortableModel:
    """What hard events are drawn for while there is no model yet."""
    return PortableModel(
        detector="hard", version="v0", artifact="", algorithm="logistic_regression",
        entity_field="source.ip", intercept=0.0, link="logistic", threshold=0.5, cut=0.0,
        risk_log_odds=(), risks=(),
        features=tuple(
            PortableFeature(f.name, f.kind, f.field, f.divisor, f.take, {}, words_of(f))
            for f in FEATURES
        ),
        linear=Linear(tuple(Term(0.0, 1.0, 0.0, 0.0, 0.0) for _ in FEATURES), 10.0),
    )  # fmt: skip


@cache
def _artifact(algorithm: str) -> Artifact:
    learnt = _lesson()
    lesson = Lesson(
        matrix=learnt.matrix, truth=learnt.truth, later_matrix=None, later_truth=None,
        rounds=60, seed=1, threads=1,
        parameters={"max_depth": 8} if algorithm == "random_forest" else {},
    )  # fmt: skip
    model = algorithms()[algorithm].fit(lesson)
    stored = model.to_bytes()
    manifest = Manifest(
        format=FORMAT, format_version=FORMAT_VERSION, detector="hard", entity="source.ip",
        features=FEATURES, lag_seconds=0, algorithm=algorithm, seed=1, as_of=DAY,
        data=DataWindow(
            since=DAY, until=DAY, fit_rows=1, fit_positives=1, threshold_rows=1, row_hash="0" * 64
        ),
        vocabularies={k: dict(v) for k, v in learnt.encoder.vocabularies.items()},
        budget=5, per_entity=3, throttle_seconds=0, threshold=0.5,
        risk=RiskKnots(log_odds=(-1, 0, 1), risks=(0, 50, 100)), keep_floor=0, metrics={},
        libraries={},
        model=ModelFile(
            name=algorithms()[algorithm].file, sha256=hashlib.sha256(stored).hexdigest()
        ),
    )  # fmt: skip
    return Artifact(manifest, model)


@pytest.fixture(scope="session")
def hard_artifact() -> MakeArtifact:
    return _artifact
