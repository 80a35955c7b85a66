"""The built app's handlers of settings, with the libraries that are left to them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.elasticsearch.node import in_ci
from tests.packaging.splunk_app import built
from tests.packaging.splunk_pythons import VERSIONS, splunk_python
from tests.splunkd import certificate
from tests.splunkd.accounts import User
from tests.splunkd.certificate import Certificate
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator
from tests.splunkd_handlers import Call, Handlers, Reply


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with running(Options(apps=(built().folder,))) as simulator:
        simulator.head.accounts.users["bob"] = User("bob", "b", ["scoreback_admin"])
        yield simulator


@pytest.fixture(params=VERSIONS)
def page(request: pytest.FixtureRequest, splunk: Simulator) -> "Page":
    python = splunk_python(request.param)
    if python is None:
        pytest.skip(f"Python {request.param} is not installed here")
    return Page(splunk, python)


class Page:
    """What the settings page asks for."""

    def __init__(self, splunk: Simulator, python: str, authority: Path | None = None) -> None:
        self._splunk = splunk
        self._handlers = Handlers(built().folder, python, authority)

    def asks(self, method: str, path: str, **form: str) -> Reply:
        accounts = self._splunk.head.accounts
        call = Call(
            method=method,
            path=path,
            user="bob",
            session_key=accounts.session_of("bob"),
            system_key="",
            uri=self._splunk.url,
            capabilities=frozenset(accounts.capabilities(["scoreback_admin"])),
            form=list(form.items()),
        )
        reply = self._handlers.answer(call)
        assert reply is not None
        return reply

    def changed(self, path: str, **form: str) -> dict[str, Any]:
        """What a change left behind."""
        reply = self.asks("POST", path, **form)
        assert reply.entries is not None, reply.message
        (entry,) = reply.entries
        return dict(entry.content)

    def keep(self, **values: str) -> None:
        """Write settings past the handlers, as by hand."""
        stanza = self._splunk.head.confs.get("scoreback_detectors", "d", "nobody", "scoreback")
        assert stanza is not None
        stanza.local |= values


DETECTORS = "/scoreback_detectors"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> list[Certificate]:
    try:
        return [certificate.make(tmp_path_factory.mktemp("certificate")) for _ in range(2)]
    except certificate.NoOpenSSL as error:
        (pytest.fail if in_ci() else pytest.skip)(str(error))


@pytest.mark.parametrize("version", VERSIONS)
def test_handlers_check_the_certificate_of_splunkd(
    certificates: list[Certificate], version: str
) -> None:
    python = splunk_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not installed here")
    its, other = certificates
    with running(Options(apps=(built().folder,)), certificate=its) as splunk:
        splunk.head.accounts.users["bob"] = User("bob", "b", ["scoreback_admin"])
        there = Page(splunk, python, its.certificate).changed(
            DETECTORS, name="d", enabled="1", alerts_budget="20/day"
        )
        assert there["changed_by"] == "bob"
        for authority in (None, other.certificate):
            refused = Page(splunk, python, authority).asks(
                "POST", f"{DETECTORS}/d", enabled="1", alerts_budget="30/day"
            )
            assert refused.entries is None
            assert "CERTIFICATE_VERIFY_FAILED" in refused.message
        (kept,) = Page(splunk, python, its.certificate).asks("GET", f"{DETECTORS}/d").entries or ()
        assert kept.content["alerts_budget"] == "20/day"


def test_each_change_says_who_made_it_and_when_whatever_a_browser_says(page: Page) -> None:
    there = page.changed(
        DETECTORS, name="d", enabled="1", alerts_budget="20/day", reason="first",
        changed_by="somebody else", history="[]",
    )  # fmt: skip
    assert there["changed_by"] == "bob"
    there = page.changed(f"{DETECTORS}/d", enabled="1", alerts_budget="30/day", reason="more staff")
    history = json.loads(there["history"])
    assert [(one["key"], one["value"], one["by"], one["reason"]) for one in history] == [
        ("alerts_budget", "20/day", "bob", "first"),
        ("enabled", "1", "bob", "first"),
        ("alerts_budget", "30/day", "bob", "more staff"),
    ]


def test_saving_without_a_change_leaves_no_trace(page: Page) -> None:
    before = page.changed(DETECTORS, name="d", enabled="1", alerts_budget="20/day")
    after = page.changed(f"{DETECTORS}/d", enabled="1", alerts_budget="20/day")
    assert after["history"] == before["history"]
    assert after["changed_at"] == before["changed_at"]


def test_an_emptied_field_is_a_change_too(page: Page) -> None:
    page.changed(DETECTORS, name="d", enabled="1", alerts_budget="20/day")
    there = page.changed(f"{DETECTORS}/d", enabled="1", alerts_budget="")
    assert (
        json.loads(there["history"])[-1] | {"key": "alerts_budget", "value": ""}
        == (json.loads(there["history"])[-1])
    )


def test_the_history_keeps_the_latest_hundred_and_survives_nonsense(page: Page) -> None:
    page.changed(DETECTORS, name="d", enabled="1")
    page.keep(history=json.dumps([{"key": "enabled", "value": str(n)} for n in range(100)]))
    there = page.changed(f"{DETECTORS}/d", enabled="0")
    history = json.loads(there["history"])
    assert len(history) == 100
    assert (history[0]["value"], history[-1]["value"]) == ("1", "0")
    page.keep(history="not JSON")
    assert len(json.loads(page.changed(f"{DETECTORS}/d", enabled="1")["history"])) == 1


def test_settings_are_not_deleted(page: Page) -> None:
    page.changed(DETECTORS, name="d", enabled="1")
    reply = page.asks("DELETE", f"{DETECTORS}/d")
    assert reply.status == 400
    assert "Settings are not deleted" in reply.message
    listed = page.asks("GET", DETECTORS).entries
    assert listed is not None
    assert [entry.name for entry in listed] == ["d"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("alerts_budget", "twenty"), ("alerts_per_entity", "0/day"), ("alerts_throttle", "soon"),
        ("schedule_score", "daily"),
    ],
)  # fmt: skip
def test_what_is_no_value_is_refused_even_past_the_page(page: Page, key: str, value: str) -> None:
    reply = page.asks("POST", DETECTORS, name="d", enabled="1", **{key: value})
    assert reply.status == 400, reply


def test_a_name_that_no_detector_can_have_is_refused(page: Page) -> None:
    assert page.asks("POST", DETECTORS, name="No Detector", enabled="1").status == 400


def test_the_general_settings_are_read_and_changed(page: Page) -> None:
    general = "/scoreback_settings/general"
    assert page.changed(general, index="security_scores")["index"] == "security_scores"
    listed = page.asks("GET", general).entries
    assert listed is not None
    assert listed[0].content["index"] == "security_scores"
