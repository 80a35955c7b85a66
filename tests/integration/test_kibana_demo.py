"""The story over a real node and the simulator of Kibana, as ``make demo-elastic`` plays it."""

from pathlib import Path

import pytest

from scoreback.service.demo.play import DETECTORS
from tests.kibana.demo import opened
from tests.simulators.demo import CALENDAR, played, small_company

pytestmark = pytest.mark.server


def test_rules_raise_analysts_close_with_reasons_and_a_rollback_takes_the_rule_along(
    elasticsearch_url: str, tmp_path: Path
) -> None:
    stream, file = DETECTORS[0]
    with opened(elasticsearch_url, tmp_path / "home", stream) as (app, team):
        one = played(app, small_company(), stream, file, tmp_path, lambda _: None, team, CALENDAR)

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
