"""The searches that docs/searches.md shows, in the simulator of Splunk with the demo's week."""

from collections.abc import Iterator

import pytest

from scoreback.connectors.splunk.wire.export import search
from scoreback.records import Stage
from tests.docs.pages import blocks
from tests.packaging.demo_week import NOW, Week, told, week_of_this_run
from tests.packaging.splunk_app import SOURCES
from tests.splunkd.connection import connected
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

SHOWN = [block.text.strip() for block in blocks("docs/searches.md", "spl")]
Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    return week_of_this_run(tmp_path_factory)


@pytest.fixture(scope="module")
def splunk(week: Week) -> Iterator[Simulator]:
    with running(Options(apps=(SOURCES,), now=NOW.timestamp() + 60)) as simulator:
        told(simulator, week)
        yield simulator


def found_by(splunk: Simulator, words: str) -> Rows:
    """What the shown search with *words* in it finds."""
    (shown,) = [one for one in SHOWN if words in one]
    spl = shown if shown.startswith("|") else f"search {shown}"
    with connected(splunk, "splunk") as connector:
        return search(connector.client, spl)


def test_live_scores_are_those_that_raise_alerts_and_no_other(
    splunk: Simulator, week: Week
) -> None:
    found = found_by(splunk, "scoreback(alert_triage)")
    assert {row["scoreback_stage"] for row in found} == {"live"}
    live = [
        row
        for batch in week.scores
        for row in batch.batch.to_pylist()
        if (row["detector"], row["stage"], row["alert"]) == ("alert_triage", Stage.LIVE, True)
    ]
    assert len(found) == len({row["score_id"] for row in live}) > 0


def test_what_was_shown_beside_the_alerts_is_told_with_its_chance(splunk: Simulator) -> None:
    found = found_by(splunk, "audit, explore")
    assert {row["scoreback_stage"] for row in found} <= {"audit", "explore"}
    assert found
    assert all(0 < float(row["scoreback_chance"]) <= 1 for row in found)


def test_alerts_that_were_taken_back_are_found_by_their_tag(splunk: Simulator, week: Week) -> None:
    found = found_by(splunk, "scoreback-recalled")
    tagged = {alert.alert_id for alert in week.alerts if "scoreback-recalled" in alert.tags}
    assert {row["alert_id"] for row in found} == tagged
    assert tagged


def test_the_gates_last_word_on_each_shadow_is_told_once(splunk: Simulator, week: Week) -> None:
    found = found_by(splunk, "kind=gate")
    last = {one.subject: one.figures["outcome"] for one in week.health if one.kind == "gate"}
    told_of = {
        row["scoreback_health_subject"]: row["scoreback_health_gate_outcome"] for row in found
    }
    assert told_of == last
    assert len(found) == len(last) > 0
