"""What `check` finds missing in a Splunk, each thing with its fix; over the simulator."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from scoreback import __version__
from scoreback.connectors.contract.data import START
from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.deploying.checks import check
from scoreback.records import EventQuery, Finding
from tests.integration.splunk_events import INDEX, SELECTION, fill
from tests.splunkd.connection import connected, simulated
from tests.splunkd.simulator import Simulator

FIELDS = ("source.ip", "rule.id")


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(delay=0) as found:
        fill(found, 20)
        yield found


def findings(
    simulator: Simulator,
    selection: Mapping[str, object] = SELECTION,
    fields: tuple[str, ...] = FIELDS,
    **settings: Any,  # noqa: ANN401 - of a connection
) -> list[Finding]:
    with connected(simulator, **settings) as splunk:
        return list(splunk.check(EventQuery(selection=selection, fields=fields)))


def found(told: list[Finding], words: str) -> Finding:
    those = [one for one in told if words in one.what]
    assert len(those) == 1, (words, told)
    assert those[0].fix
    return those[0]


def edit(simulator: Simulator, path: str, **form: object) -> None:
    with connected(simulator) as splunk:
        splunk.client.call("POST", path, form=form)


def test_a_splunk_that_lacks_nothing_is_told_so_but_for_its_plain_http(
    simulator: Simulator,
) -> None:
    edit(simulator, "/services/apps/local/scoreback", version=__version__)
    for app in simulator.head.apps():
        if app.name == "scoreback":
            app.version = __version__
    told = findings(simulator)
    assert [one.what for one in told if "plain http" not in one.what] == []
    assert not any(one.fatal for one in told)


def test_an_app_that_is_missing_or_of_another_version_is_told(simulator: Simulator) -> None:
    assert "the service has" in found(findings(simulator), "the app scoreback has version").what
    with simulated(delay=0, apps=()) as bare:
        missing = found(findings(bare), "the app scoreback is not installed")
        assert missing.fatal
        assert "scoreback-splunk-VERSION.tgz" in missing.fix


def test_a_missing_index_is_told_with_how_to_make_it_there(simulator: Simulator) -> None:
    simulator.remove_index("scoreback")
    assert found(findings(simulator), "the index scoreback does not exist").fatal
    cloud = findings(simulator, target="cloud")
    assert "Admin Config Service" in found(cloud, "the index scoreback does not exist").fix
    assert "search-api" in found(cloud, "on the allow list").what


def test_missing_rights_are_told(simulator: Simulator) -> None:
    with connected(simulator) as splunk:
        roles = "/services/authorization/roles"
        splunk.client.call(
            "POST", roles, form={"name": "narrow", "capabilities": "search", "srchJobsQuota": 1}
        )
        splunk.client.call(
            "POST", f"{roles}/narrow",
            form={"srchIndexesAllowed": "ids", "srchTimeWin": 3600, "srchJobsQuota": 1},
        )  # fmt: skip
    simulator.add_user("service", "pass-word", ["narrow"])
    told = findings(simulator, user="service", password="pass-word")  # noqa: S106 - of nobody
    assert found(told, "lacks the capability schedule_search").fatal
    assert not [one for one in told if "capability search" in one.what]
    assert found(told, "may run 1 searches at once, but the connection is set to 2")
    assert found(told, "look back at most 3600 s")


def test_clocks_that_differ_are_told(simulator: Simulator) -> None:
    with connected(simulator) as splunk:
        for late, words in ((-300, "behind Splunk's"), (300, "ahead of Splunk's"), (0, "")):
            told = checked(splunk, partial(later, late))
            assert any("clock is" in one.what and words in one.what for one in told) == bool(late)


def later(seconds: int) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def checked(splunk: SplunkConnector, now: Callable[[], datetime]) -> list[Finding]:
    query = EventQuery(selection=SELECTION, fields=FIELDS)
    return list(check(splunk.client, splunk.hec, splunk.events, splunk.given, query, now=now))


def test_a_certificate_that_is_not_checked_is_told(simulator: Simulator) -> None:
    assert "ca_file" in found(findings(simulator, verify_tls=False), "is not checked").fix


def test_a_connection_that_cannot_write_is_told(simulator: Simulator) -> None:
    told = findings(simulator, hec_url=None, hec_token=None)
    assert found(told, "the connection has no event collector").fatal
    away = findings(simulator, hec_url="http://127.0.0.1:9", attempts=1)
    assert found(away, "no connection").fatal


def test_a_bundle_that_is_too_small_for_the_entities_is_told(simulator: Simulator) -> None:
    edit(
        simulator,
        "/servicesNS/nobody/system/configs/conf-distsearch/replicationSettings",
        maxBundleSize=100,
    )
    assert "entities_most" in found(findings(simulator), "maxBundleSize").fix
    assert not [one for one in findings(simulator, entities_most=1_000) if "Bundle" in one.what]


def test_a_search_without_an_index_is_told(simulator: Simulator) -> None:
    assert not found(findings(simulator, {"search": "src=*"}), "names no index").fatal


def test_events_that_their_id_does_not_tell_apart_are_told(simulator: Simulator) -> None:
    told = findings(simulator, {**SELECTION, "id": ["src", "nothing"]})
    assert "20 of 20 events have no 'nothing'" in found(told, "'nothing'").what
    told = findings(simulator, {**SELECTION, "id": ["src"]})
    assert "20 events have 9 ids" in found(told, "ids: of several events").what


def test_events_that_are_out_of_reach_are_told(simulator: Simulator) -> None:
    simulator.add_events(
        [{"index": INDEX, "time": START.timestamp() - 40 * 86_400, "indextime": START.timestamp(),
          "raw": {"n": "old", "src": "a", "signature_id": 1}}]
    )  # fmt: skip
    assert "raise reach" in found(findings(simulator), "more than 30 days").fix


def test_a_field_that_few_events_have_is_told(simulator: Simulator) -> None:
    simulator.add_events(
        {"index": INDEX, "indextime": START.timestamp(), "raw": {"n": f"x{n}", "src": "a"}}
        for n in range(30)
    )
    assert not found(findings(simulator), "60% of 50 events have no 'rule.id'").fatal


def test_a_selection_that_is_refused_is_a_finding(simulator: Simulator) -> None:
    refused = found(findings(simulator, {"search": "index=x | delete"}), "is not valid")
    assert refused.fatal
