"""What `check` says of Kibana, and that the printed key suffices there, on both simulators."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scoreback.connectors.doors.keys import KeyNeeds
from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.kibana.dashboards.door import KINDS
from scoreback.connectors.elastic.kibana.rights import privileges
from scoreback.connectors.elastic.kibana.rules.body import rule_id
from scoreback.connectors.elastic.kibana.versions import Version
from scoreback.connectors.elastic.names import Names
from scoreback.errors import SiemRefused
from scoreback.records import EventQuery, Finding
from tests.elasticsearch.batches import events
from tests.elasticsearch.direct import fill, make
from tests.elasticsearch.proxy import Proxy
from tests.elasticsearch.security import Security
from tests.kibana.asking import ask
from tests.kibana.connection import joined
from tests.kibana.fixtures import over
from tests.kibana.simulator import Simulator
from tests.kibana.versions import VERSIONS
from tests.unit.connectors.elastic.kibana.rules.examples import rule

pytestmark = pytest.mark.server


@pytest.fixture
def index(elasticsearch_url: str, fresh_prefix: str) -> str:
    name = f"{fresh_prefix}-seen"
    make(elasticsearch_url, name)
    fill(elasticsearch_url, name, events(range(2)))
    return name


def running_key(simulator: Simulator, index: str) -> dict[str, Any]:
    """The body of the running key for that Kibana."""
    settings = {"hosts": ["https://x:1"], "kibana": "https://k:1", "space": simulator.home}
    requests = ElasticConnector.key_requests(
        "prod", settings, [KeyNeeds(detector="d", selection={"index": index})],
        version=simulator.version.number,
    )  # fmt: skip
    return dict(requests[1].body)


@contextmanager
def with_key(
    simulator: Simulator, proxy: Proxy, body: dict[str, Any], **settings: object
) -> Iterator[ElasticConnector]:
    """A connection whose one key Kibana and its cluster know."""
    _, encoded = simulator.accounts.add_key("run", body["role_descriptors"])
    security = Security()
    security.add_known(encoded, body)
    security.before(proxy)
    given = {
        "hosts": [proxy.url], "kibana": simulator.url, "space": simulator.home, "api_key": encoded,
        "attempts": 1, **settings,
    }  # fmt: skip
    connector = ElasticConnector.open("prod", given)
    try:
        yield connector
    finally:
        connector.close_connection()
        proxy.clear()


def about_kibana(connector: ElasticConnector, index: str) -> list[Finding]:
    found = connector.check(EventQuery(selection={"index": index}, fields=()))
    words = ("Kibana", "space")
    return [f for f in found if any(word in f.what for word in words) and "plain" not in f.what]


@pytest.fixture(params=sorted(VERSIONS))
def simulator(request: pytest.FixtureRequest, elasticsearch_url: str) -> Iterator[Simulator]:
    with over(elasticsearch_url, version=request.param) as found:
        yield found


def test_the_running_key_does_all_that_is_done_in_kibana_of_every_version(
    simulator: Simulator, index: str
) -> None:
    body = running_key(simulator, index)
    _, encoded = simulator.accounts.add_key("run", body["role_descriptors"])
    with joined(simulator, kibana_api_key=encoded) as connector:  # applies what Kibana needs
        connector.rules.apply(rule())
        assert connector.rules.current(rule().name) is not None
        assert connector.alerts is not None
        assert connector.alerts.tag(["no-such-alert"], "seen") is not None
        for wanted in connector.resources.wanted():
            connector.resources.standing(wanted)
        connector.rules.remove(rule().name)


def test_a_key_that_lacks_a_feature_or_has_all_is_named_by_the_versions_own_ids(
    simulator: Simulator, elasticsearch_proxy: Proxy, index: str
) -> None:
    body = running_key(simulator, index)
    with with_key(simulator, elasticsearch_proxy, body) as connector:
        assert all("run `scoreback apply`" in f.fix for f in about_kibana(connector, index))
    (application,) = body["role_descriptors"]["run"]["applications"]
    rules = privileges(Version.of(simulator.version.number))[0]
    application["privileges"].remove(rules)
    with with_key(simulator, elasticsearch_proxy, body) as connector:
        missing = next(f for f in about_kibana(connector, index) if "are missing" in f.what)
        assert rules in missing.what
        assert repr(simulator.home) in missing.what
        assert "scoreback keys" in missing.fix
        assert connector.kibana is not None
        with pytest.raises(SiemRefused, match="403"):
            connector.kibana.call("GET", "/api/detection_engine/rules/_find")
    application.update(privileges=["all"], resources=["*"])
    with with_key(simulator, elasticsearch_proxy, body) as connector:
        wide = next(f for f in about_kibana(connector, index) if "every space" in f.what)
        assert not wide.fatal


@pytest.fixture
def newest(elasticsearch_url: str) -> Iterator[Simulator]:
    with over(elasticsearch_url) as found:
        yield found


def test_a_space_that_is_not_there_and_a_kibana_that_is_not_are_findings(
    newest: Simulator, elasticsearch_proxy: Proxy, index: str
) -> None:
    with joined(newest, apply=False, space="nowhere") as connector:
        (finding,) = about_kibana(connector, index)
        assert "no space 'nowhere'" in finding.what
    body = running_key(newest, index)
    with with_key(newest, elasticsearch_proxy, body, space="nowhere") as connector:
        found = about_kibana(connector, index)  # a key of another space may not ask for it
        assert any("in space 'nowhere' are missing" in f.what for f in found)
    gone = {"kibana": "http://127.0.0.1:9"}
    with with_key(newest, elasticsearch_proxy, body, **gone) as connector:
        (finding,) = about_kibana(connector, index)
        assert "does not answer" in finding.what
        assert finding.fix


def test_what_apply_would_make_in_kibana_is_listed_until_it_was(
    newest: Simulator, index: str
) -> None:
    query = EventQuery(selection={"index": index}, fields=())
    with joined(newest, apply=False) as connector:
        wanted = [one.name for one in connector.resources.wanted() if one.kind in KINDS]
        told = {f.what: f for f in connector.check(query)}
        for name in wanted:
            (what,) = (one for one in told if f" {name} does not exist" in one)
            assert told[what].fix == "run `scoreback apply`"
            assert not told[what].fatal
    with joined(newest) as connector:
        for one in connector.resources.wanted():
            connector.resources.apply(one)
        said = [f.what for f in connector.check(query)]
        assert not [one for one in said if any(name in one for name in wanted)]


def test_a_rule_without_our_tag_is_checked_all_the_same(newest: Simulator, index: str) -> None:
    with joined(newest) as connector:
        connector.rules.apply(rule())
        run = {"rule_id": rule_id(Names(connector.given.namespace), rule().name)}
        ask(newest, "PATCH", "/api/detection_engine/rules", {**run, "tags": ["mine"]})
        newest.faults.add("rule_fails", rule_id=run["rule_id"], text="the disk is full")
        ask(newest, "POST", "/simulator/run", run)
        (finding,) = about_kibana(connector, index)
        assert "the disk is full" in finding.what


def test_a_rule_whose_stream_begins_with_the_first_score_is_no_finding(
    newest: Simulator, index: str
) -> None:
    with joined(newest) as connector:
        connector.rules.apply(rule())
        run = {"rule_id": rule_id(Names(connector.given.namespace), rule().name)}
        told = ask(newest, "POST", "/simulator/run", run).json
        assert "no index matching" in told["message"]
        assert about_kibana(connector, index) == []


def test_a_key_sent_to_kibana_over_plain_http_or_unchecked_is_named(
    newest: Simulator, index: str
) -> None:
    with joined(newest, apply=False) as connector:
        found = connector.check(EventQuery(selection={"index": index}, fields=()))
        assert any("to Kibana over plain http" in one.what for one in found)
    with joined(newest, apply=False, verify_tls=False) as connector:
        found = connector.check(EventQuery(selection={"index": index}, fields=()))
        assert any("Kibana's are not checked" in one.what for one in found)
