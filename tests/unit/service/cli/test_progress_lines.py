"""Long work tells of itself in a pipe, too."""

from threading import Event

import pytest

from scoreback.service.cli import progress_lines, show
from scoreback.service.cli.progress_lines import Work


def test_a_line_says_what_is_done_how_far_and_since_when() -> None:
    work = Work("reading events", None, began=100.0)
    assert work.line(110.4) == "scoreback: reading events (0:10 so far)"
    work.done, work.counted = 1_234_567, True
    assert work.line(175.0) == "scoreback: reading events, 1,234,567 (1:15 so far)"
    work.total, work.stage = 2_000_000, "one.csv"
    assert work.line(3800.0) == (
        "scoreback: reading events: one.csv, 1,234,567 of 2,000,000 (61:40 so far)"
    )


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Event]:
    lines, said = list[str](), Event()

    def hear(line: str) -> None:
        lines.append(line)
        said.set()

    monkeypatch.setattr(progress_lines, "complain", hear)
    return lines, said


def test_a_pipe_gets_a_line_every_ten_seconds_until_the_end(
    said: tuple[list[str], Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert progress_lines.EVERY == 10
    monkeypatch.setattr(progress_lines, "EVERY", 0.001)
    lines, heard = said
    with show.counting("reading events") as count:
        count(3)
        count(4)
        heard.clear()
        assert heard.wait(10)
    assert lines[-1].startswith("scoreback: reading events, 7 (0:")
    heard.clear()
    with show.stages("training") as tell:
        tell(1, 4, "random_forest")
        heard.clear()
        assert heard.wait(10)
    assert lines[-1].startswith("scoreback: training: random_forest, 1 of 4 (0:")


def test_short_work_says_nothing(said: tuple[list[str], Event]) -> None:
    with show.stages("loading") as tell:
        tell(0, 0, "one.csv")
    assert said[0] == []


def test_bytes_are_told_in_megabytes() -> None:
    work = Work("loading", None, began=0.0, in_bytes=True)
    work.at(12_300_000, 45_000_000, "one.csv")
    assert work.line(20.0) == "scoreback: loading: one.csv, 12.3 of 45.0 MB (0:20 so far)"
    work.at(12_300_000, 0, "one.csv")
    assert work.line(20.0) == "scoreback: loading: one.csv (0:20 so far)"
    Work.latest = None


def test_of_several_works_the_one_that_was_heard_of_last_tells(
    said: tuple[list[str], Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_lines, "EVERY", 0.001)
    lines, heard = said
    with show.counting("reading events") as count, show.stages("training") as tell:
        count(5)
        heard.clear()
        assert heard.wait(10)
        tell(1, 4, "random_forest")
        while not lines[-1].startswith("scoreback: training"):  # the other may be about to speak
            heard.clear()
            assert heard.wait(10)
        lines.clear()
        for _ in range(5):
            heard.clear()
            assert heard.wait(10)
    assert {line.split(":")[1] for line in lines} == {" training"}
