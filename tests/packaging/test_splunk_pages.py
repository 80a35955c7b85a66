"""The Splunk app's own pages in a real browser, in front of the simulator of splunkd."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import browser, page
from tests.packaging.splunk_app import built
from tests.splunkd.accounts import User
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

__all__ = ["browser", "page"]


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with running(Options(apps=(built().folder,))) as simulator:
        users = simulator.head.accounts.users
        users["ann"] = User("ann", "analyst!1", ["scoreback_analyst"])
        users["otto"] = User("otto", "outsider", ["user"])
        yield simulator


def _open(page: Page, splunk: Simulator, view: str, user: str, password: str) -> None:
    page.goto(f"{splunk.web_url}/en-US/app/scoreback/{view}")
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def _settings(splunk: Simulator, detector: str) -> dict[str, str] | None:
    stanza = splunk.head.confs.get("scoreback_detectors", detector, "nobody", "scoreback")
    return None if stanza is None else stanza.values


def _rows(splunk: Simulator, collection: str) -> list[dict[str, Any]]:
    return list(splunk.head.kv.documents("scoreback", collection, "nobody"))


def _add_detector(page: Page, name: str, budget: str) -> None:
    page.get_by_role("button", name="Add").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Detector").fill(name)
    dialog.get_by_role("textbox", name="Alert budget").fill(budget)
    dialog.get_by_role("button", name="Add").click()


def test_an_admin_changes_the_alert_budget_on_the_page(page: Page, splunk: Simulator) -> None:
    _open(page, splunk, "configuration", "admin", "changed!")
    _add_detector(page, "alert_triage", "20/day")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("cell", name="20/day")).to_be_visible()

    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Alert budget").fill("35/day")
    dialog.get_by_role("textbox", name="Reason").fill("a second analyst")
    dialog.get_by_role("button", name="Update").click()
    expect(page.get_by_role("cell", name="35/day")).to_be_visible()

    there = _settings(splunk, "alert_triage")
    assert there is not None
    assert there["alerts_budget"] == "35/day"
    assert there["changed_by"] == "admin"
    history = json.loads(there["history"])
    assert [(one["key"], one["value"], one["by"]) for one in history] == [
        ("alerts_budget", "20/day", "admin"),
        ("alerts_budget", "35/day", "admin"),
    ]
    assert history[-1]["reason"] == "a second analyst"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", history[-1]["at"])


def test_the_page_refuses_a_budget_that_is_none(page: Page, splunk: Simulator) -> None:
    _open(page, splunk, "configuration", "admin", "changed!")
    _add_detector(page, "alert_triage", "twenty")
    expect(page.get_by_text("Write a number and /day, for example 20/day.")).to_be_visible()
    assert (
        splunk.head.confs.get("scoreback_detectors", "alert_triage", "nobody", "scoreback") is None
    )


def test_an_analyst_cannot_change_settings(page: Page, splunk: Simulator) -> None:
    _open(page, splunk, "configuration", "ann", "analyst!1")
    _add_detector(page, "alert_triage", "20/day")
    expect(page.get_by_text("lacks the capability scoreback_manage")).to_be_visible()
    assert (
        splunk.head.confs.get("scoreback_detectors", "alert_triage", "nobody", "scoreback") is None
    )


def test_an_analyst_says_what_an_event_was(page: Page, splunk: Simulator) -> None:
    asked = "scoreback_verdict?verdict=false_positive&event_id=e-1&detector=alert_triage"
    _open(page, splunk, asked, "ann", "analyst!1")
    expect(page.get_by_text("Event e-1 of detector alert_triage")).to_be_visible()
    expect(page.get_by_role("radio", name=re.compile("^False positive"))).to_be_checked()
    assert _rows(splunk, "scoreback_verdicts") == [], "opening the page must not judge"
    page.get_by_label("Comment").fill("a backup job")
    page.get_by_role("button", name="Record verdict").click()
    expect(page.get_by_text("Recorded.")).to_be_visible()
    (row,) = _rows(splunk, "scoreback_verdicts")
    said = {"event_id": "e-1", "detector": "alert_triage", "verdict": "false_positive"}
    assert row | said | {"labeller": "ann", "comment": "a backup job"} == row


def test_who_may_not_judge_is_told(page: Page, splunk: Simulator) -> None:
    _open(page, splunk, "scoreback_verdict?verdict=false_positive&event_id=e-1", "otto", "outsider")
    page.get_by_role("button", name="Record verdict").click()
    expect(page.get_by_role("status")).to_contain_text("Not recorded")
    assert _rows(splunk, "scoreback_verdicts") == []


def test_a_page_about_nothing_asks_nothing(page: Page, splunk: Simulator) -> None:
    _open(page, splunk, "scoreback_verdict?event_id=$scoreback_event_id$", "ann", "analyst!1")
    expect(page.get_by_role("status")).to_contain_text("names no event")
    expect(page.get_by_role("button", name="Record verdict")).to_be_hidden()
