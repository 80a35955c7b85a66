"""The cycle over the simulator of splunkd, as ``make demo-splunk`` plays it."""

from pathlib import Path

from scoreback.service.demo.company import Company
from scoreback.service.demo.play import DETECTORS, START
from tests.splunkd.demo import played


def test_searches_raise_dispositions_come_back_and_a_rollback_takes_the_saved_search_along(
    tmp_path: Path,
) -> None:
    stream, file = DETECTORS[0]
    told: list[str] = []
    company = Company(seed=7, start=START, scale=0.3)

    one = played(tmp_path / "home", company, stream, file, tmp_path, told.append)

    first, _, second = one.story.judged
    assert first.alerts_per_day > 0
    assert second.alerts_per_day > 0
    assert one.closed >= one.story.closed > 0
    assert one.labels == one.closed
    versions = one.story.first.version.version, one.story.second.version.version
    assert one.versions == versions[::-1]
    assert one.story.second.training.counts != one.story.first.training.counts
    assert one.report.exists()
