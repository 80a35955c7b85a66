"""What `serve` logs of a run of scoring."""

import logging
from typing import Any, cast

import pytest

from scoreback.service.scoring.champions import LiveRun
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.serving.kinds import scoring


class Named:
    name = "alert_queue"


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            ScoreOutcome(read=9, scored=8, alerts=5, opened=3, suppressed=1, over_budget=2),
            (
                "- read 9 events and scored 8, 6 above the threshold: 3 alerts raised, 3 held back"
                " by cap or throttle; 2 more held back by the budget"
            ),
        ),
        (ScoreOutcome(read=9, scored=8), "- read 9 events and scored 8, 0 above the threshold"),
    ],
)
def test_a_line_says_what_became_of_the_hits(
    outcome: ScoreOutcome, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="scoreback")
    scoring._log_run(cast("Any", None), LiveRun(cast("Any", Named()), outcome=outcome))
    assert caplog.messages == [line]
