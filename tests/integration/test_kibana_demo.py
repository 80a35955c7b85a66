"""The cycle over a real node and the simulator of Kibana, as ``make demo-elastic`` plays it."""

from pathlib import Path

import pytest

from scoreback.service.demo.company import Company
from scoreback.service.demo.play import DETECTORS, START
from tests.kibana.demo import played

pytestmark = pytest.mark.server


def test_rules_raise_analysts_close_with_reasons_and_a_rollback_takes_the_rule_along(
    elasticsearch_url: str, tmp_path: Path
) -> None:
    stream, file = DETECTORS[0]
    company = Company(seed=7, start=START, scale=0.3)

    one = played(
        elasticsearch_url, tmp_path / "home", company, stream, file, tmp_path, lambda _: None
    )

    first, _, second = one.story.judged
    assert first.alerts_per_day > 0
    assert second.alerts_per_day > 0
    assert one.closed >= one.story.closed > 0
    assert one.labels == one.closed
    versions = one.story.first.version.version, one.story.second.version.version
    assert one.versions == versions[::-1]
    assert one.story.second.training.counts != one.story.first.training.counts
    assert one.report.exists()
