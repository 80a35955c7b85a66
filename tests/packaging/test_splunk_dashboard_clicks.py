"""Clicks on rows of the dashboards, in Splunk's own viewer: they lead to what the row shows."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Page

from scoreback.health import HealthDocument, Kind
from tests.browser import browser, page
from tests.elasticsearch.node import in_ci
from tests.integration.splunk_things import NOW, scores
from tests.packaging.dashboards import definitions
from tests.packaging.studio.bundle import Missing, bundle, served
from tests.packaging.studio.viewer import Viewer
from tests.splunkd.connection import APP, connected
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

__all__ = ["browser", "page"]

VIEW = "scoreback_now"
DEFINITION = definitions()[VIEW]
ODD = "d&form.detector=*"  # as a value of a link it would add a choice of its own


@pytest.fixture(scope="module")
def splunk() -> Iterator[Simulator]:
    """A Splunk with scores over the threshold at different times, and a report of a detector."""
    options = Options(apps=(APP,), now=NOW.timestamp())
    with running(options) as simulator, connected(simulator, "splunk") as connector:
        rows = [(f"e{n}", NOW - timedelta(hours=n), f"10.0.0.{n}") for n in range(1, 5)]
        connector.scores.write(scores(rows), at=NOW)
        audit = [("a1", NOW - timedelta(minutes=90), "10.0.0.9")]
        connector.scores.write(scores(audit, stage="audit"), at=NOW)
        status: dict[str, float | str | datetime] = {"stale": 0.0, "state": "well"}
        connector.health.write(
            [HealthDocument(detector=ODD, at=NOW, kind=Kind.STATUS, figures=status)]
        )
        simulator.clock.advance(600)
        yield simulator


@pytest.fixture(scope="module")
def scripts() -> Iterator[str]:
    """Splunk's viewer; skips without Node.js, which in CI is a failure."""
    try:
        made = bundle()
    except Missing as missing:
        (pytest.fail if in_ci() else pytest.skip)(f"no viewer of Splunk's without {missing}")
    with served(made) as address:
        yield address


@pytest.fixture
def viewer(page: Page, splunk: Simulator, scripts: str) -> Viewer:
    page.set_viewport_size({"width": 1280, "height": 1700})
    viewer = Viewer(page, splunk, scripts)
    viewer.open(VIEW)
    viewer.draw(DEFINITION, "light")
    return viewer


def test_a_row_leads_to_a_search_that_finds_its_score(viewer: Viewer, splunk: Simulator) -> None:
    panels = linked("/app/scoreback/search")
    assert len(panels) == 3
    viewer.settled(set(panels))
    for panel in panels:
        entity, url = viewer.clicked(panel, "Entity")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        (found,) = exported(splunk, asked["q"], asked["earliest"], asked["latest"])
        assert found["scoreback_entity"] == entity, url
        assert float(asked["latest"]) - float(asked["earliest"]) == 600


def test_a_detector_leads_to_its_own_dashboard_whatever_its_name(viewer: Viewer) -> None:
    (panel,) = linked("/app/scoreback/scoreback_well")
    viewer.settled({panel})
    detector, url = viewer.clicked(panel, "Detector")
    assert detector == ODD
    assert urlsplit(url).path.endswith("/app/scoreback/scoreback_well")
    assert parse_qs(urlsplit(url).query) == {"form.detector": [ODD]}


def linked(start: str) -> list[str]:
    """The panels whose rows lead to addresses that begin so."""
    return [
        name
        for name, panel in DEFINITION["visualizations"].items()
        if any(h["options"]["url"].startswith(start) for h in panel.get("eventHandlers", []))
    ]


def exported(splunk: Simulator, spl: str, earliest: str, latest: str) -> list[dict[str, Any]]:
    """What a search finds in the app, as Splunk's API gives it."""
    answer = requests.post(
        f"{splunk.url}/servicesNS/nobody/scoreback/search/jobs/export", timeout=30,
        auth=("admin", "changed!"),
        data={"search": spl, "earliest_time": earliest, "latest_time": latest,
              "output_mode": "json", "preview": "false"},
    )  # fmt: skip
    answer.raise_for_status()
    lines = [json.loads(line) for line in answer.text.splitlines()]
    return [line["result"] for line in lines if "result" in line]
