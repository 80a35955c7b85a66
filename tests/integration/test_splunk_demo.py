"""The story over the simulator of splunkd, as ``make demo-splunk`` plays it."""

from pathlib import Path

from scoreback.service.demo.play import DETECTORS
from tests.simulators.demo import CALENDAR, played, small_company
from tests.splunkd.demo import opened


def test_searches_raise_dispositions_come_back_and_a_rollback_takes_the_saved_search_along(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "home") as (app, team):
        one = played(app, small_company(), *DETECTORS[0], tmp_path, lambda _: None, team, CALENDAR)

    story, back = one.story, one.story.taken_back
    assert all(phase.judged.alerts_per_day > 0 for phase in story.phases if phase.judged)
    assert one.closed == story.closed > 0
    assert one.labels == one.closed
    assert story.second.training.counts != story.first.training.counts
    assert one.report.exists()
    assert back is not None
    assert back.rules == (back.done.bad, back.done.champion.version)
    assert back.done.champion.version == story.second.version.version
    listed = {alert.alert_id for alert in back.done.choice.alerts}
    assert listed
    assert one.tagged == one.closed_by_us == listed
