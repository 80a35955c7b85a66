"""What `check` names before anything runs, and servers that are not what they should be."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.deploying.checks import check
from scoreback.errors import SiemRefused
from scoreback.records import EventQuery, Finding
from tests.elasticsearch.batches import events
from tests.elasticsearch.connection import connected
from tests.elasticsearch.direct import fill, make, request
from tests.elasticsearch.faults import claims_version, drops_product_header, edits, refuses
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server


def opened(proxy: Proxy, naps: list[float]) -> ElasticConnector:
    return ElasticConnector.open("found", {"hosts": [proxy.url]}, sleep=naps.append)


@pytest.mark.parametrize("version", ["7.17.9", "10.0.1", "6.8.0"])
def test_a_major_that_is_not_supported_is_refused_by_name(
    version: str, elasticsearch_proxy: Proxy, naps: list[float]
) -> None:
    elasticsearch_proxy.add(claims_version(version), path="^/$")
    with pytest.raises(SiemRefused, match=version) as caught:
        opened(elasticsearch_proxy, naps)
    assert "8.19" in caught.value.hint


def test_opensearch_is_told_from_elasticsearch(
    elasticsearch_proxy: Proxy, naps: list[float]
) -> None:
    elasticsearch_proxy.add(claims_version("3.1.0", distribution="opensearch"), path="^/$")
    elasticsearch_proxy.add(drops_product_header(), times=None)
    with pytest.raises(SiemRefused, match="is not Elasticsearch"):
        opened(elasticsearch_proxy, naps)
    assert not naps


@pytest.mark.parametrize("answer", [{}, {"version": None}, {"version": {"number": "new"}}, []])
def test_an_answer_that_is_not_elasticsearchs_is_refused(
    answer: Any,  # noqa: ANN401 - JSON
    elasticsearch_proxy: Proxy,
    naps: list[float],
) -> None:
    elasticsearch_proxy.add(edits(lambda _: answer), path="^/$")
    with pytest.raises(SiemRefused, match="not from Elasticsearch"):
        opened(elasticsearch_proxy, naps)


@pytest.mark.parametrize(("number", "major"), [("8.19.4", 8), ("9.2.2", 9)])
def test_requests_carry_the_servers_own_major(
    number: str, major: int, elasticsearch_proxy: Proxy, naps: list[float]
) -> None:
    elasticsearch_proxy.add(claims_version(number), path="^/$")
    connector = opened(elasticsearch_proxy, naps)
    elasticsearch_proxy.add(refuses(503), path="_field_caps")
    elasticsearch_proxy.add(
        edits(lambda _: {"indices": ["a"], "fields": {}}), path="_field_caps", skip=1
    )
    assert connector.events.fields({"index": "no-such-*"}) == ()
    connector.close_connection()
    first, *others = elasticsearch_proxy.seen()
    assert "compatible-with" not in first.request.headers["accept"]
    for one in others:
        assert f"compatible-with={major}" in one.request.headers["accept"].replace(" ", "")
        assert f"compatible-with={major}" in one.request.headers["content-type"].replace(" ", "")


def findings(
    elastic: ElasticConnector, index: str, *fields: str, **selection: object
) -> dict[str, Finding]:
    query = EventQuery(selection={"index": index, **selection}, fields=fields)
    # The node has no security, which `check` names; what it says of keys is tested with them.
    return {one.what: one for one in elastic.check(query) if "has no security" not in one.what}


def the(found: dict[str, Finding], words: str) -> Finding:
    """The only finding that says *words*."""
    assert [what for what in found if words in what], list(found)
    [finding] = [finding for what, finding in found.items() if words in what]
    assert finding.fix
    return finding


def test_a_cluster_that_has_all_has_no_finding(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-fine")
    fill(elasticsearch_url, f"{fresh_prefix}-fine", events(range(5)))
    assert findings(elastic, f"{fresh_prefix}-fine", "host.name") == {}


def test_events_that_lack_what_is_needed_are_counted(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-lacking"
    make(elasticsearch_url, index, {"host.name": {"type": "keyword"}})
    lacking: list[dict[str, Any]] = [{"@timestamp": e["@timestamp"]} for e in events(range(6))]
    fill(elasticsearch_url, index, [*lacking, {"n": 1}, {"n": 2}, *events(range(2))])
    found = findings(elastic, index, "host.name", "no.such", "event")
    assert not the(found, "60% of the 10 events have no 'event.ingested'").fatal
    assert not the(found, "80% of the 10 events have no 'host.name'").fatal
    assert not the(found, "2 documents have no time").fatal
    assert the(found, "no event of the selection has the field 'no.such'").fatal
    assert the(found, "'event' is an object").fatal
    assert next(iter(found.values())).fatal  # those first


def test_selections_that_find_nothing_say_so(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-empty")
    assert "matches no event" in next(iter(findings(elastic, f"{fresh_prefix}-empty")))
    assert the(findings(elastic, f"{fresh_prefix}-none"), f"{fresh_prefix}-none").fatal
    assert the(findings(elastic, f"{fresh_prefix}-none-*"), f"{fresh_prefix}-none-*").fatal
    assert the(findings(elastic, f"{fresh_prefix}-empty", query="a: ("), "400").fatal
    assert the(findings(elastic, "a b"), "is not a valid index name").fatal


def test_mappings_that_disagree_are_named(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-1", {"port": {"type": "keyword"}})
    make(elasticsearch_url, f"{fresh_prefix}-2", {"port.number": {"type": "long"}})
    make(elasticsearch_url, f"{fresh_prefix}-3", {"@timestamp": {"type": "keyword"}})
    found = findings(elastic, f"{fresh_prefix}-*", "port")
    assert not the(found, "port is a value in some indices and an object in others").fatal
    assert the(found, "@timestamp is date, keyword").fatal


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), -timedelta(hours=2)])
def test_a_clock_that_differs_from_the_clusters_is_named(
    ahead: timedelta, elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-clock")
    query = EventQuery(selection={"index": f"{fresh_prefix}-clock"}, fields=())
    found = check(elastic.client, elastic.given, query, lambda: datetime.now(UTC) + ahead)
    way = "ahead of" if ahead > timedelta(0) else "behind"
    [finding] = [f for f in found if "clock" in f.what]
    assert way in finding.what
    assert not finding.fatal


def test_rights_that_are_missing_are_named(
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
    fresh_prefix: str,
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-rights")
    answer = {
        "has_all_requested": False,
        "cluster": {"monitor": False},
        "index": {fresh_prefix: {"read": False, "view_index_metadata": True}},
    }
    privileges = "_has_privileges"
    elasticsearch_proxy.add(edits(lambda _: answer), path=privileges)
    elasticsearch_proxy.add(lambda r, f: f(_root(r)), path=privileges)
    found = findings(elastic, f"{fresh_prefix}-rights")
    assert not the(found, "cluster privilege 'monitor'").fatal
    assert the(found, f"privileges on {fresh_prefix} are missing: read").fatal


def _root(asked: Any) -> Any:  # noqa: ANN401 - the proxy's request
    """A request that the node, which has no security, answers with 200."""
    return type(asked)(method="GET", path="/", headers={}, body=b"")


def test_what_may_not_be_looked_at_is_a_finding_and_no_crash(
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
    fresh_prefix: str,
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-denied")
    elasticsearch_proxy.add(refuses(403), path="_template|_nodes|_security|_search", times=None)
    found = findings(elastic, f"{fresh_prefix}-denied", "host.name")
    assert any("403" in what for what in found)


def test_resources_that_are_not_there_are_named(elasticsearch_url: str, fresh_prefix: str) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-events")
    with connected(elasticsearch_url, apply=False) as bare:
        found = findings(bare, f"{fresh_prefix}-events")
        missing = [f for f in found.values() if "does not exist" in f.what]
        streams = [r for r in bare.resources.wanted() if r.kind == "data_stream"]
        assert len(missing) == len(bare.resources.wanted()) - len(streams)
        assert all(f.fatal and "scoreback apply" in f.fix for f in missing)


def test_a_stream_of_scores_that_somebody_mapped_otherwise_is_named(
    elasticsearch_url: str, fresh_prefix: str
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-events")
    with connected(elasticsearch_url, apply=False) as bare:
        name = f"scoreback.scores-{bare.given.namespace}"
        make(elasticsearch_url, name, {"scoreback": {"properties": {"score": {"type": "text"}}}})
        try:
            found = findings(bare, f"{fresh_prefix}-events")
            assert the(found, "scoreback.score as text, not double").fatal
        finally:
            request(elasticsearch_url, "DELETE", f"/{name}")
