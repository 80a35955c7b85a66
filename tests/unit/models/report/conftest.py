"""The account of a small training, as `scoreback report` reads it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from scoreback.models.detector.spec import Detector
from scoreback.models.training.training import Training
from scoreback.records import ModelVersion
from scoreback.service.training.account import account_of


@pytest.fixture
def account(training: Training, make_detector: Callable[..., Detector]) -> dict[str, Any]:
    detector = make_detector()
    version = ModelVersion(
        detector=detector.name, version="v1-abc", status="candidate",
        artifact_hash=training.artifact.artifact_hash, algorithm=training.chosen,
        trained_as_of=datetime.fromisoformat("2026-03-21T00:00:00+00:00"),
        created_at=datetime.fromisoformat("2026-03-21T00:00:00+00:00"),
        parent=None, row_hash=training.artifact.manifest.data.row_hash,
    )  # fmt: skip
    return account_of(detector, training, version, {"late_events": 0, "uncast": {}})
