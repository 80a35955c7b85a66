"""The page about the demo names the days on which the demo does what it says."""

import re

from scoreback.service.demo.play import company
from scoreback.service.demo.story import SHORT, WHOLE
from tests.docs.pages import text

PAGE = text("docs/demo.md")


def test_each_day_of_the_page_is_the_day_of_the_story() -> None:
    days = [int(day) for day in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    changes = company(seed=7).difficulty
    assert changes.drift_day == changes.new_attack_day
    assert days == [
        0,
        WHOLE.first_training,
        changes.drift_day,
        WHOLE.second_training,
        WHOLE.second_training + 3,  # `gate.shadow` of the detector
        WHOLE.mistake,
        WHOLE.taken_back,
        WHOLE.end,
    ]
    assert f"on day {SHORT.second_training}\n" in PAGE
    assert WHOLE.learnt_until == 10
