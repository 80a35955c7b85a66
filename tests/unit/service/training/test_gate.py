"""Whether a candidate may score without a person's word."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoreback.errors import ConfigError
from scoreback.models.detector.file import parse_detector
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App, opened
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.training.gate import decide

T = datetime(2026, 6, 1, tzinfo=UTC)
TEXT = """
name: one
events: {local: {stream: tiny}}
entity: host.name
labels: {verdicts: {join: event}}
features: [number: size]
alerts: {budget: 5/day}
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with opened(Settings(home=tmp_path)) as made:
        yield made


def candidate(app: App, artifact: str) -> ModelVersion:
    return Versions(app.state).register(
        detector="one", artifact_hash=artifact * 8, algorithm="xgboost", trained_as_of=T,
        created_at=T, row_hash="rows", metrics={},
    )  # fmt: skip


def detector(approval: str | None) -> Detector:
    return parse_detector(TEXT + (f"gate: {{approval: {approval}}}\n" if approval else ""))


@pytest.mark.parametrize("approval", [None, "manual"])
def test_by_default_a_person_promotes(app: App, approval: str | None) -> None:
    decision = decide(app, detector(approval), candidate(app, "a"))
    assert not decision.promote
    assert "person" in decision.why


def test_automatic_promotes_the_first_version_only_and_says_why_no_other(app: App) -> None:
    automatic, first = detector("automatic"), candidate(app, "a")
    assert decide(app, automatic, first).promote
    Versions(app.state).promote("one", first.version, by="x", at=T)
    assert "already" in decide(app, automatic, first).why
    decision = decide(app, automatic, candidate(app, "b"))
    assert not decision.promote
    assert first.version in decision.why


@pytest.mark.parametrize("key", ["min_precision: 0.3", "beat: [champion]", "shadow: 3d"])
def test_the_other_keys_of_the_gate_are_refused_by_name(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"d\.yml:8: gate\.{key.split(':')[0]}: is not built"):
        parse_detector(TEXT + f"gate: {{approval: manual, {key}}}\n", "d.yml")


def test_a_misspelt_approval_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'auto' is not known") as caught:
        parse_detector(TEXT + "gate: {approval: auto}\n")
    assert "automatic" in caught.value.hint
