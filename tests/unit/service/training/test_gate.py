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
from scoreback.service.in_force.change import change
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.training.gate import decide, let_in

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
def test_by_default_a_person_promotes_the_first_version(app: App, approval: str | None) -> None:
    decision = let_in(app, detector(approval), candidate(app, "a"), at=T)
    assert decision.next == "wait"
    assert "person" in decision.why
    assert Versions(app.state).champion("one") is None


def test_automatic_promotes_the_first_version(app: App) -> None:
    automatic, first = detector("automatic"), candidate(app, "a")
    assert decide(app, automatic, first).next == "promote"
    Versions(app.state).promote("one", first.version, by="x", at=T)
    assert "already" in decide(app, automatic, first).why


def test_what_settings_say_of_the_gate_counts_and_not_what_the_file_says(app: App) -> None:
    manual, first, later = detector("manual"), candidate(app, "a"), candidate(app, "b")
    change(app, manual, "gate.approval", "automatic", author="ann", reason="", at=T)
    assert decide(app, manual, first).next == "promote"
    Versions(app.state).promote("one", first.version, by="x", at=T)
    change(app, manual, "gate.shadow", "5d", author="ann", reason="", at=T)
    decision = let_in(app, manual, later, at=T)
    assert decision.next == "shadow"
    assert "5d" in decision.why


@pytest.mark.parametrize("approval", ["manual", "automatic"])
def test_a_later_version_scores_in_shadow_beside_the_champion(app: App, approval: str) -> None:
    versions, first, later = Versions(app.state), candidate(app, "a"), candidate(app, "b")
    versions.promote("one", first.version, by="x", at=T)
    decision = let_in(app, detector(approval), later, at=T)
    assert decision.next == "shadow"
    assert first.version in decision.why
    assert "3d" in decision.why
    assert [one.version for one in versions.shadows("one")] == [later.version]


def test_without_a_shadow_a_later_version_waits_for_a_person(app: App) -> None:
    first, later = candidate(app, "a"), candidate(app, "b")
    Versions(app.state).promote("one", first.version, by="x", at=T)
    none = parse_detector(TEXT + "gate: {shadow: 0s}\n")
    decision = let_in(app, none, later, at=T)
    assert decision.next == "wait"
    assert first.version in decision.why
    assert not Versions(app.state).shadows("one")


def test_what_was_retired_is_not_let_in_again(app: App) -> None:
    versions, first, later = Versions(app.state), candidate(app, "a"), candidate(app, "b")
    versions.promote("one", first.version, by="x", at=T)
    retired = versions.retire("one", later.version, by="x", at=T, reason="no better")
    assert "was retired" in let_in(app, detector(None), retired, at=T).why
    assert not versions.shadows("one")


def test_a_shadow_of_a_month_is_refused() -> None:
    with pytest.raises(ConfigError, match="30d is too long"):
        parse_detector(TEXT + "gate: {shadow: 30d}\n")


def test_the_champion_keeps_at_least_half_of_the_budget() -> None:
    with pytest.raises(ConfigError, match=r"d\.yml:8: gate\.explore: 60% of the budget"):
        parse_detector(TEXT + "gate: {approval: manual, explore: 60%}\n", "d.yml")
    assert parse_detector(TEXT).gate.explore == 0.1
    assert parse_detector(TEXT + "gate: {explore: 0%}\n").gate.explore == 0


def test_a_shadow_is_always_compared_with_the_champion() -> None:
    with pytest.raises(ConfigError, match="always compared with the champion"):
        parse_detector(TEXT + "gate: {beat: [today_queue]}\n")


def test_a_misspelt_approval_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'auto' is not known") as caught:
        parse_detector(TEXT + "gate: {approval: auto}\n")
    assert "automatic" in caught.value.hint
