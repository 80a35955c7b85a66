"""The demo's story comes true: drift, gate, better days at as many alerts, a mistake taken back."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from scoreback.models.artifact.scoring import Scorer
from scoreback.records import Alert
from scoreback.service.app import App, opened
from scoreback.service.cli import show
from scoreback.service.cli.demo_view import story_json, summary
from scoreback.service.demo.company import Company
from scoreback.service.demo.play import DETECTORS, play
from scoreback.service.demo.story import SHORT, Chapter, Story
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.recalling.taken_back import LABELLER, TAG, VERDICT
from scoreback.service.settings import Settings
from scoreback.service.state.pacing_log import thresholds
from scoreback.service.training.train_job import read_training_data
from tests.integration.embedded import siem_of
from tests.simulators.demo import CALENDAR, small_company

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Told:
    app: App
    story: Story
    alerts: list[Alert]


@pytest.fixture(scope="module")
def company() -> Company:
    return small_company()


@pytest.fixture(scope="module")
def told(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with opened(Settings(home=tmp_path_factory.mktemp("story"))) as app:
        story = play(app, company, *DETECTORS[0], lambda _: None, calendar=CALENDAR)
        yield Told(app, story, list(siem_of(app).alerts.find()))


def test_the_chapters_follow_each_other_and_name_the_version_that_raises_alerts(
    told: Told,
) -> None:
    story, back = told.story, told.story.taken_back
    assert back is not None
    first, second = story.first.version.version, story.second.version.version
    assert [(one.chapter, one.version) for one in story.phases] == [
        (Chapter.LEARNING, None),
        (Chapter.FIRST, first),
        (Chapter.CHANGE, first),
        (Chapter.SHADOW, first),
        (Chapter.SECOND, second),
        (Chapter.MISTAKE, back.bad.version.version),
        (Chapter.BACK, second),
    ]
    mistake, better = story.phase(Chapter.MISTAKE), story.phase(Chapter.SECOND)
    assert mistake is not None
    assert mistake.judged is not None
    assert better is not None
    assert better.judged is not None
    assert mistake.judged.precision < better.judged.precision
    assert [one.since for one in story.phases[1:]] == [one.until for one in story.phases[:-1]]


def test_drift_is_seen_after_the_change_and_before_the_second_training(
    told: Told, company: Company
) -> None:
    assert told.story.drift is not None
    assert company.difficulty.drift_day < told.story.drift.day <= CALENDAR.second_training
    assert told.story.drift.psi is not None
    assert told.story.drift.usual_psi is not None
    assert told.story.drift.psi > told.story.drift.usual_psi


def test_the_gate_promotes_the_second_version_once_it_is_better_and_its_days_are(
    told: Told,
) -> None:
    second, stayed = told.story.phase(Chapter.SECOND), told.story.stayed
    assert [one.outcome for one in told.story.gate][-1] == "better"
    assert second is not None
    assert second.judged is not None
    assert stayed is not None
    assert stayed.alerts_per_day == pytest.approx(second.judged.alerts_per_day, rel=0.05)
    assert second.judged.precision > stayed.precision


def test_a_shadow_raises_no_alert_of_its_own_but_to_explore(told: Told) -> None:
    second = told.story.phase(Chapter.SECOND)
    assert second is not None
    mine = [one for one in told.alerts if one.version == second.version and not one.is_explored]
    assert mine
    assert min(told.story.day_of(one.raised_at) for one in mine) > second.since


def test_no_day_of_any_phase_opens_more_than_the_budget_and_its_burst(told: Told) -> None:
    alerts = told.story.detector.alerts
    assert sum(one.alerts for one in told.story.days) == len(told.alerts)
    assert all(one.alerts <= alerts.budget * (1 + alerts.burst) for one in told.story.days)


def test_the_rollback_takes_back_what_the_restored_version_would_not_have_raised(
    told: Told,
) -> None:
    app, detector, back = told.app, told.story.detector, told.story.taken_back
    assert back is not None
    at = told.story.start
    restored = back.done.champion
    data = read_training_data(app, detector, at + (CALENDAR.end * DAY))
    scores = Scorer(load_artifact(app, detector, restored)).score(data.rows).scores.tolist()
    by_id = dict(zip(data.rows["event_id"].to_pylist(), scores, strict=True))
    before = thresholds(app.state.database, detector.name, at, at + CALENDAR.mistake * DAY)
    cut = [one for one in before if one.version == restored.version and one.left >= 0.5][-1]
    taken = at + CALENDAR.taken_back * DAY + CALENDAR.noticed
    bad = [one for one in told.alerts if one.version == back.done.bad]
    untouched = [
        one
        for one in bad
        if one.labeller in (None, LABELLER) or (one.closed_at is not None and one.closed_at > taken)
    ]
    expected = {one.alert_id for one in untouched if by_id[one.event_id] < cut.score}
    assert {one.alert_id for one in back.done.choice.alerts} == expected
    assert expected


def test_what_is_taken_back_is_tagged_and_closed_without_a_verdict_and_nothing_else_is(
    told: Told,
) -> None:
    back = told.story.taken_back
    assert back is not None
    listed = {one.alert_id for one in back.done.choice.alerts}
    assert {one.alert_id for one in told.alerts if TAG in one.tags} == listed
    ours = {one.alert_id for one in told.alerts if one.labeller == LABELLER}
    assert ours == listed
    assert {one.verdict for one in told.alerts if one.alert_id in listed} == {VERDICT}
    assert back.rules == (back.done.bad, back.done.champion.version)


def test_what_is_shown_fits_eighty_columns_and_asks_for_no_statistics(
    told: Told, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    summary([told.story])
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "average precision" not in said
    for version in ("v1", "v2", "v3"):
        assert version in said
    assert "is rolled back" in said


def test_the_same_seed_tells_the_same_story_to_the_last_figure(
    company: Company, tmp_path: Path
) -> None:
    told = []
    for name in ("one", "other"):
        with opened(Settings(home=tmp_path / name)) as app:
            calendar = replace(SHORT, second_training=24, end=26)
            story = play(app, company, *DETECTORS[0], lambda _: None, calendar=calendar)
            told.append(json.dumps(show.plain(story_json(story)), default=str))
    assert told[0] == told[1]
