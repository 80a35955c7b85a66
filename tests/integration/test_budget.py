"""The alert budget on the whole road: paced, stored with its step, changed while it runs."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from scoreback.connectors.doors import AlertQuery, ScoreQuery
from scoreback.connectors.doors.settings import Override
from scoreback.models.detector.spec import Detector
from scoreback.records import Stage, TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.deploying.plan_apply import plan
from scoreback.service.deploying.reconcile import reconcile
from scoreback.service.in_force.change import change
from scoreback.service.in_force.operating_point import points
from scoreback.service.in_force.settings_sync import sync_settings
from scoreback.service.scoring.plan import ScoreJob
from scoreback.service.scoring.shared_read import score_together
from scoreback.service.settings import Settings
from scoreback.service.state.audit import audit_log
from scoreback.service.state.pacing_log import join_old_steps, remembered, thresholds
from tests.integration.embedded import champion_of, model_of, score_until, siem_of

DAY = timedelta(days=1)
CHANGED = 50  # steps before the budget is changed: some days


def opened_a_day(app: App, detector: Detector) -> Counter[datetime]:
    alerts = siem_of(app).alerts.find(AlertQuery(detector=detector.name))
    return Counter(alert.event_time.replace(hour=0, minute=0, second=0, microsecond=0)
                   for alert in alerts)  # fmt: skip


def test_no_day_opens_more_than_the_budget_and_its_burst(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        found = opened_a_day(app, detector)
    assert len(found) == 6
    assert max(found.values()) <= detector.alerts.budget * 1.5 + 1  # a late one counts later
    assert found[min(found)] <= detector.alerts.budget  # what is worth a burst is not known yet
    assert sum(found.values()) / 6 == pytest.approx(detector.alerts.budget, rel=0.3)


def test_every_score_carries_the_threshold_of_its_hour_and_the_state_says_why(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        window = TimeWindow(since=end - 7 * DAY, until=end)
        noted = thresholds(app.state.database, detector.name, window.since, window.until)
        batches = siem_of(app).scores.read(ScoreQuery(detector=detector.name, window=window))
        used = {one for b in batches for one in b.batch.column("threshold").to_pylist()}
        (point,) = points(app.state, detector.name)
    assert len(noted) > 100
    assert used <= {one.score for one in noted}
    assert {one.reason for one in noted} <= {"paced", "budget spent", "floor"}
    assert (point.author, point.body["budget"]) == ("file", detector.alerts.budget)


@pytest.mark.usefixtures("small_steps")
def test_a_budget_that_is_changed_while_a_run_goes_on_is_in_force_at_its_next_step(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    steps: list[int] = []
    with opened(Settings(home=workspace)) as app:

        def between() -> None:
            steps.append(len(steps))
            if len(steps) == CHANGED:
                change(
                    app, detector, "alerts.budget", "60/day",
                    author="ann", reason="two more analysts", at=end,
                )  # fmt: skip

        job = ScoreJob(detector=detector, models=(model_of(app, detector),), changed=between)
        (outcome,) = score_together(app, [job], now=end)
        assert outcome.error is None
        found = opened_a_day(app, detector)
        noted = points(app.state, detector.name)
        (first_day, *_, last_day) = sorted(found)
    assert len(steps) > CHANGED
    assert found[last_day] > 2 * detector.alerts.budget >= found[first_day]
    assert [point.body["budget"] for point in noted] == [60, detector.alerts.budget]
    assert (noted[0].author, noted[0].reason) == ("ann", "two more analysts")


def test_what_an_admin_sets_in_the_siem_changes_rule_and_plan_and_is_in_the_audit_log(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        siem = siem_of(app)
        for key, value in (("alerts.budget", "25/day"), ("alerts.throttle", "2h")):
            siem.settings.put(
                Override(detector=detector.name, key=key, value=value, author="lead", at=end)
            )
        assert sync_settings(app, now=end) == 2
        notes = plan(app, [detector]).notes
        assert reconcile(app, detector, at=end)
        rule = siem.rules.current(detector.name)
        assert rule is not None
        assert (rule.budget, rule.throttle) == (25, timedelta(hours=2))
        assert any("lead set it" in note and "alerts.budget" in note for note in notes)
        assert {entry.actor for entry in audit_log(app.state, detector.name, 2)} == {"lead"}


@pytest.mark.usefixtures("small_steps")
def test_what_pacing_remembers_is_what_was_scored_and_raised(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        version = champion_of(app, detector).version
        past = remembered(app.state.database, detector.name, version, Stage.LIVE, "").past
        raised = list(siem_of(app).alerts.find(AlertQuery(detector=detector.name)))
        window = TimeWindow(since=end - 7 * DAY, until=end)
        counted = siem_of(app).scores.histograms(detector.name, window)
        scored = sum(sum(bins) for one in counted for bins in one.counts.values())
    assert sum(int(one.opened.sum()) for one in past) == len(raised)
    assert sum(sum(one.hours.values()) for one in past) == scored


@pytest.mark.usefixtures("small_steps")
def test_nothing_is_remembered_twice_where_steps_are_joined(
    workspace: Path, detector: Detector, end: datetime
) -> None:
    with opened(Settings(home=workspace)) as app:
        score_until(app, detector, end)
        version = champion_of(app, detector).version
        database = app.state.database
        before = remembered(database, detector.name, version, Stage.LIVE, "")
        join_old_steps(database, detector.name, least=2)
        after = remembered(database, detector.name, version, Stage.LIVE, "")
    assert len(after.past) < len(before.past)
    assert len(set(after.opened)) == len(after.opened)
    assert set(before.opened) <= set(after.opened)  # a joined day may reach further back
    whole, again = (
        sorted(t for one in found.past for t in one.units.times.tolist())
        for found in (before, after)
    )
    assert whole == again
