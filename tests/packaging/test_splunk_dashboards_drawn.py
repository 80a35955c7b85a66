"""The dashboards in Splunk's own viewer, drawn from the demo's week in the simulator of Splunk."""

import json
from collections.abc import Iterator
from copy import deepcopy

import pytest
from playwright.sync_api import Page

from tests.browser import browser, page
from tests.elasticsearch.node import in_ci
from tests.packaging.dashboards import definitions
from tests.packaging.demo_week import DAY, NOW, Week, told, week_of_this_run
from tests.packaging.splunk_app import SOURCES
from tests.packaging.studio.bundle import Missing, bundle, served
from tests.packaging.studio.viewer import Viewer
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

__all__ = ["browser", "page"]

DEFINITIONS = definitions()
TABS = [
    (name, tab)
    for name, definition in DEFINITIONS.items()
    for tab in range(len(definition["layout"]["tabs"]["items"]))
]
OPTIONS = Options(apps=(SOURCES,), now=NOW.timestamp() + 60)


@pytest.fixture(scope="module")
def scripts() -> Iterator[str]:
    """Splunk's viewer; skips without Node.js, which in CI is a failure."""
    try:
        made = bundle()
    except Missing as missing:
        (pytest.fail if in_ci() else pytest.skip)(f"no viewer of Splunk's without {missing}")
    with served(made) as address:
        yield address


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    return week_of_this_run(tmp_path_factory)


@pytest.fixture(scope="module")
def splunk(week: Week) -> Iterator[Simulator]:
    """A Splunk in which the demo's week has happened."""
    with running(OPTIONS) as simulator:
        told(simulator, week)
        yield simulator


@pytest.fixture(scope="module")
def empty() -> Iterator[Simulator]:
    """A Splunk that has the app, and nothing in it."""
    with running(OPTIONS) as simulator:
        yield simulator


@pytest.fixture
def viewer(page: Page, splunk: Simulator, scripts: str) -> Viewer:
    page.set_viewport_size({"width": 1280, "height": 1700})
    return Viewer(page, splunk, scripts)


def theme_of(name: str) -> str:
    return "dark" if name.endswith("_dark") else "light"


def panels_of(name: str, tab: int) -> set[str]:
    layout = DEFINITIONS[name]["layout"]
    structure = layout["layoutDefinitions"][layout["tabs"]["items"][tab]["layoutId"]]["structure"]
    return {item["item"] for item in structure}


def test_every_view_is_as_splunks_schema_has_it(viewer: Viewer) -> None:
    viewer.open("scoreback_now")
    for name, definition in DEFINITIONS.items():
        assert viewer.validate(definition) is None, name


def test_the_schema_finds_mistakes(viewer: Viewer) -> None:
    viewer.open("scoreback_now")
    wrong = deepcopy(DEFINITIONS["scoreback_now"])
    wrong["visualizations"]["viz_waiting"]["type"] = "splunk.figure"
    assert "splunk.figure" in json.dumps(viewer.validate(wrong)) or viewer.validate(wrong)
    wrong = deepcopy(DEFINITIONS["scoreback_now"])
    wrong["visualizations"]["viz_hours"]["options"]["yAxisMax"] = ["much"]
    assert viewer.validate(wrong)


@pytest.mark.parametrize(("name", "tab"), TABS)
def test_every_panel_shows_data_and_none_an_error(viewer: Viewer, name: str, tab: int) -> None:
    wanted = panels_of(name, tab)
    viewer.open(name, theme_of(name))
    viewer.draw(DEFINITIONS[name], theme_of(name), tab)
    looks = viewer.settled(wanted)
    assert wanted <= set(looks)
    assert {n: looks[n].said for n in wanted if not looks[n].data} == {}
    assert {n: looks[n].said for n in wanted if looks[n].errors} == {}
    assert viewer.refused == []
    assert {n: looks[n].cut for n in wanted if looks[n].cut} == {}, "labels are cut"


def test_figures_are_those_of_health(viewer: Viewer, week: Week) -> None:
    newest = [d for d in week.health if d.at == NOW]

    def told_by(kind: str, figure: str) -> float:
        return sum(float(str(d.figures[figure])) for d in newest if d.kind == kind)

    viewer.open("scoreback_now")
    viewer.draw(DEFINITIONS["scoreback_now"], "light")
    looks = viewer.settled(panels_of("scoreback_now", 0))
    used = round(100 * told_by("alerts", "today") / told_by("alerts", "budget"))
    assert looks["viz_waiting"].data == [f"{told_by('labels', 'open_alerts'):.0f}"]
    assert looks["viz_used"].data[0].startswith(str(used))


def test_audits_and_what_a_shadow_showed_stand_apart_from_live_alerts(
    viewer: Viewer, week: Week
) -> None:
    shown = {
        stage: {
            (row["event_time"].strftime("%Y-%m-%d %H:%M:%S"), row["entity"])
            for batch in week.scores
            for row in batch.batch.to_pylist()
            if row["stage"] == stage and row["alert"] and row["event_time"] >= NOW - DAY
        }
        for stage in ("live", "audit", "explore", "shadow")
    }
    viewer.open("scoreback_now")
    viewer.draw(DEFINITIONS["scoreback_now"], "light")
    looks = viewer.settled(panels_of("scoreback_now", 0))
    beside, latest = looks["viz_beside"].data, looks["viz_latest"].data
    asked = shown["audit"] | shown["explore"]
    assert shown["audit"]
    assert shown["explore"]
    for table, theirs in ((beside, asked), (latest, shown["live"])):
        assert table
        assert all(any(at in row and name in row for at, name in theirs) for row in table)
    for stage, word in (("audit", "audit"), ("explore", "explored")):
        told = [row for row in beside if word in row]
        assert {name for _, name in shown[stage]} <= {
            name for _, name in shown[stage] for row in told if name in row
        }, stage


def test_a_detector_can_be_chosen_by_a_link(viewer: Viewer) -> None:
    name = "scoreback_well"
    definition = deepcopy(DEFINITIONS[name])
    viewer.open(name)
    viewer.draw(definition, "light")
    viewer.settled(panels_of(name, 0))
    chosen = viewer.page.locator('[data-test="input-item"]').first
    assert "alert_triage" in chosen.inner_text()


def test_an_empty_splunk_gives_empty_panels_and_no_errors(
    page: Page, empty: Simulator, scripts: str
) -> None:
    page.set_viewport_size({"width": 1280, "height": 1700})
    viewer = Viewer(page, empty, scripts)
    viewer.open("scoreback_now")
    viewer.draw(DEFINITIONS["scoreback_now"], "light")
    looks = viewer.settled(panels_of("scoreback_now", 0), empty=True)
    assert set(looks) >= panels_of("scoreback_now", 0)
    nothing = "WarningNo data!"
    assert {name: look.said for name, look in looks.items() if set(look.said) - {nothing}} == {}
    assert viewer.refused == []
