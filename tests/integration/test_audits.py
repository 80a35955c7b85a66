"""Audits on the whole road: drawn, shown by a rule of their own, and what their verdicts tell."""

import shutil
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from scoreback.connectors.doors import AlertQuery, ScoreQuery
from scoreback.health import Kind
from scoreback.models.detector.spec import Detector
from scoreback.records import Alert, Severity, Stage, TimeWindow, Verdict, audit_rule_name
from scoreback.service.app import App, opened
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.labels.chances import with_chances
from scoreback.service.monitoring.monitor import health_of
from scoreback.service.settings import Settings
from scoreback.service.state.audits import Audited, audits_since
from scoreback.service.training.train_job import read_training_data, train_detector
from tests.integration.embedded import score_until, siem_of

WEEK = timedelta(days=7)


@pytest.fixture
def audited(detector: Detector) -> Detector:
    """The detector, which asks for two audits a day."""
    return detector.model_copy(update={"alerts": detector.alerts.model_copy(update={"audit": 2.0})})


def scored(home: Path, detector: Detector, end: datetime, steps: int = 1) -> list[Audited]:
    with opened(Settings(home=home)) as app:
        reconcile(app, detector, at=end)
        for step in range(steps, 0, -1):
            score_until(app, detector, end - (step - 1) * timedelta(hours=31))
        return audits_since(app.state.database, detector.name, end - WEEK)


def alerts_of(app: App, detector: Detector) -> list[Alert]:
    return list(siem_of(app).alerts.find(AlertQuery(detector=detector.name)))


def test_of_what_raises_no_alert_a_few_a_day_are_shown_with_low_severity(
    workspace: Path, audited: Detector, end: datetime
) -> None:
    drawn = scored(workspace, audited, end)
    with opened(Settings(home=workspace)) as app:
        shown = [one for one in alerts_of(app, audited) if one.is_audit]
        window = TimeWindow(since=end - WEEK, until=end)
        query = ScoreQuery(detector=audited.name, window=window, stage=Stage.LIVE.value)
        scores = [row for b in siem_of(app).scores.read(query) for row in b.batch.to_pylist()]
    assert len(drawn) >= 5
    assert max(Counter(one.counted_at.date() for one in drawn).values()) <= 2
    assert {one.event_id for one in shown} == {one.event_id for one in drawn}
    assert {one.rule for one in shown} == {audit_rule_name(audited.name)}
    assert {one.severity for one in shown} == {Severity.LOW}
    assert all(one.reasons != "[]" for one in shown)
    assert all(0 < one.chance <= 1 for one in drawn)
    assert {one.event_id: one.chance for one in shown} == {
        one.event_id: one.chance for one in drawn
    }
    assert {row["chance"] for row in scores if row["alert"]} == {1.0}
    assert {row["chance"] for row in scores if not row["alert"]} == {None}
    alerted = {row["event_id"] for row in scores if row["alert"]}
    assert alerted.isdisjoint(one.event_id for one in drawn)


def test_the_same_are_drawn_however_a_week_is_cut_into_runs(
    workspace: Path, audited: Detector, end: datetime, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(workspace, other)
    assert scored(workspace, audited, end) == scored(other, audited, end, steps=6)


def test_audits_take_nothing_from_the_budget(
    workspace: Path, detector: Detector, audited: Detector, end: datetime, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(workspace, other)
    scored(workspace, audited, end)
    scored(other, detector, end)
    found = []
    for home in (workspace, other):
        with opened(Settings(home=home)) as app:
            found.append([one for one in alerts_of(app, detector) if not one.is_audit])
    assert found[0] == found[1] != []


def test_verdicts_on_audits_say_how_many_attacks_were_missed(
    workspace: Path, audited: Detector, end: datetime
) -> None:
    eager = audited.model_copy(update={"alerts": audited.alerts.model_copy(update={"audit": 40.0})})
    scored(workspace, eager, end)
    with opened(Settings(home=workspace)) as app:
        before = figures(app, eager, end)
        for number, one in enumerate(alerts_of(app, eager)):
            verdict = Verdict.FALSE_POSITIVE
            if not one.is_audit or number % 10 == 0:
                verdict = Verdict.TRUE_POSITIVE
            siem_of(app).alerts.close(one.alert_id, verdict, labeller="ann", at=end)
        after = figures(app, eager, end + 10 * timedelta(days=1))
        long_after = figures(app, eager, end + 60 * timedelta(days=1))
    assert before["audits_judged"] == 0
    assert long_after["audits_judged"] == 0
    assert not {"missed_attacks", "recall_low", "recall_why"} & {*long_after}
    assert "too wide" in str(before["recall_why"])
    assert after["audits_judged"] > 100
    assert after["missed_attacks_low"] <= after["missed_attacks"] <= after["missed_attacks_high"]
    assert after["missed_attacks"] > after["audits_judged"] / 10
    assert after["recall_low"] < after["recall"] < after["recall_high"] < 1


def test_a_training_says_whether_verdicts_on_audits_weigh_by_their_chance(
    workspace: Path, audited: Detector, end: datetime
) -> None:
    eager = audited.model_copy(update={"alerts": audited.alerts.model_copy(update={"audit": 40.0})})
    chances = {one.event_id: one.chance for one in scored(workspace, eager, end)}
    later = end + timedelta(days=8)
    with opened(Settings(home=workspace)) as app:
        for one in alerts_of(app, eager):
            siem_of(app).alerts.close(
                one.alert_id, Verdict.FALSE_POSITIVE, labeller=f"ann {one.alert_id}", at=end
            )
        data = read_training_data(app, eager, later)
        of_audits = pc.equal(data.labels["rule"], audit_rule_name(eager.name))
        labels = data.labels.filter(pc.fill_null(of_audits, False))
        told = dict(zip(*(labels[n].to_pylist() for n in ("event_id", "propensity")), strict=True))
        assert told == chances
        untold = labels.set_column(
            labels.schema.get_field_index("propensity"),
            "propensity",
            pa.nulls(len(labels), pa.float64()),
        )
        assert with_chances(app.state.database, eager.name, untold).equals(labels)
        outcome = train_detector(app, eager, as_of=later, now=later)
    weights = outcome.account["weights"]
    assert 0 < weights["drawn"] <= len(chances)
    assert not weights["used"]
    assert weights["in_words"] == (
        "weights by chance of being shown: not used, as none was drawn in the earlier days, where"
        " both are compared"
    )


def test_without_the_key_nothing_is_drawn_and_nothing_estimated(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    assert scored(workspace, detector, end) == []
    with opened(Settings(home=workspace)) as app:
        assert "audits" not in figures(app, detector, end)
        assert not any(one.is_audit for one in alerts_of(app, detector))


def figures(app: App, detector: Detector, now: datetime) -> dict[str, Any]:
    found = health_of(app, detector, now=now)
    (one,) = (document for document in found if document.kind is Kind.PRECISION)
    return dict(one.figures)
