"""What detectors need in Splunk beside rules, on the simulator of splunkd."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

import scoreback
from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.wire.conf import Conf
from scoreback.connectors.splunk.wire.export import search
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.deployment import DetectorNeeds, Resource, Standing
from scoreback.records import Enrichment, EventQuery
from tests.integration.splunk_things import NOW
from tests.splunkd.connection import connected, simulated
from tests.splunkd.simulator import Simulator

NEEDS = DetectorNeeds(
    detector="exfil-dns",
    version="v1-aa",
    entity_field="source.ip",
    selection={"search": "index=ids sourcetype=suricata"},
    enriches=frozenset({Enrichment.ENTITY}),
)


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with simulated(now=NOW, delay=0) as simulator:
        yield simulator


@pytest.fixture
def connector(splunk: Simulator) -> Iterator[SplunkConnector]:
    with connected(splunk) as found:
        yield found


def applied(connector: SplunkConnector) -> list[Resource]:
    found = list(connector.resources.of_detector(NEEDS))
    for resource in found:
        assert connector.resources.standing(resource).standing is Standing.ABSENT
        connector.resources.apply(resource)
    return found


def test_all_is_current_once_it_was_applied_and_absent_once_it_was_removed(
    connector: SplunkConnector,
) -> None:
    found = applied(connector)
    assert len(found) == 3
    for resource in found:
        connector.resources.apply(resource)
        assert connector.resources.standing(resource).standing is Standing.CURRENT
    assert {one.name for one in connector.resources.made()} == {one.name for one in found}
    for resource in reversed(found):
        connector.resources.remove(resource)
        connector.resources.remove(resource)
        assert connector.resources.standing(resource).standing is Standing.ABSENT
    assert connector.resources.made() == []


def test_a_plain_search_shows_the_score_of_the_entity_on_its_events(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    applied(connector)
    rows = [
        {"_key": "a", "detector": "exfil-dns", "entity": "10.0.0.1", "score": 0.9, "risk": 88.0,
         "reasons": '["so"]'},
        {"_key": "b", "detector": "another", "entity": "10.0.0.2", "score": 0.1},
    ]  # fmt: skip
    KvStore(connector.client).save("scoreback_entities", rows)
    splunk.add_events(
        {"raw": {"src": f"10.0.0.{n}", "query": "x"}, "index": "ids", "sourcetype": "suricata"}
        for n in (1, 2)
    )
    found = search(connector.client, "search index=ids sourcetype=suricata | sort src")
    shown = [row.get("scoreback_detectors_exfil_dns_risk") for row in found]
    assert [None if risk is None else float(risk) for risk in shown] == [88.0, None]
    assert all(len(row["scoreback_event_id"]) == 64 for row in found)


def test_a_lookup_that_somebody_edited_is_told_and_its_other_keys_stay(
    connector: SplunkConnector,
) -> None:
    lookup = next(one for one in applied(connector) if one.kind == "lookup")
    conf = Conf(connector.client)
    conf.write("transforms", lookup.name, {"max_matches": "9", "default_match": "none"})
    found = connector.resources.standing(lookup)
    assert found.standing is Standing.EDITED
    assert found.differences == ("max_matches: 9 -> 1",)
    connector.resources.apply(lookup)
    stanza = conf.stanza("transforms", lookup.name)
    assert stanza is not None
    assert (stanza["max_matches"], stanza["default_match"]) == ("1", "none")


def test_what_somebody_else_made_under_our_name_is_theirs(connector: SplunkConnector) -> None:
    found = list(connector.resources.of_detector(NEEDS))
    lookup = next(one for one in found if one.kind == "lookup")
    Conf(connector.client).write("transforms", lookup.name, {"collection": "theirs"})
    assert connector.resources.standing(lookup).standing is Standing.FOREIGN


def test_an_earlier_lookup_of_ours_is_outdated(connector: SplunkConnector) -> None:
    lookup = next(one for one in applied(connector) if one.kind == "lookup")
    newer = Resource(kind="lookup", name=lookup.name, body={**lookup.body, "max_matches": "2"})
    assert connector.resources.standing(newer).standing is Standing.OUTDATED


def test_keys_of_the_sourcetype_that_are_not_ours_stay(connector: SplunkConnector) -> None:
    conf = Conf(connector.client)
    conf.write("props", "suricata", {"FIELDALIAS-x": "a AS b"})
    for resource in reversed(applied(connector)):
        connector.resources.remove(resource)
    stanza = conf.stanza("props", "suricata")
    assert stanza is not None
    assert stanza["FIELDALIAS-x"] == "a AS b"


def test_the_macro_of_the_index_follows_the_settings(splunk: Simulator) -> None:
    with connected(splunk) as shipped:
        (macro,) = shipped.resources.wanted()
        assert shipped.resources.standing(macro).standing is Standing.CURRENT
    with connected(splunk, index="soc_scores") as other:
        (macro,) = other.resources.wanted()
        assert other.resources.standing(macro).standing is Standing.OUTDATED
        other.resources.apply(macro)
        assert other.resources.standing(macro).standing is Standing.CURRENT
        Conf(other.client).write("macros", macro.name, {"definition": "index=elsewhere"})
        assert other.resources.standing(macro).standing is Standing.EDITED
        assert other.resources.made() == []


def test_an_app_of_another_version_than_the_service_is_told_with_its_remedy(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    query = EventQuery(selection={"search": "index=ids", "id": ["id"]}, fields=())
    app = next(one for one in splunk.head.apps() if one.name == "scoreback")
    splunk.head.add_app(replace(app, version=scoreback.__version__))
    assert not [one for one in connector.check(query) if "has version" in one.what]
    splunk.head.add_app(replace(app, version="0.0.7"))
    (finding,) = (one for one in connector.check(query) if "has version" in one.what)
    assert "0.0.7" in finding.what
    assert "install the app" in finding.fix
