"""Data views and dashboards in the simulator of Kibana, by the way of each version.

No real Kibana has confirmed them.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.deploying.door import Resources
from scoreback.connectors.elastic.kibana.dashboards.door import KINDS
from scoreback.deployment import Resource, Standing
from scoreback.errors import SiemRefused, SiemUnavailable
from tests.kibana.asking import ask
from tests.kibana.connection import joined
from tests.kibana.fixtures import over
from tests.kibana.simulator import Simulator

pytestmark = pytest.mark.server

MARKS = "scoreback-kibana-"
VERSIONS = ("8.19", "9.5")  # the oldest of either way


@pytest.fixture(scope="module", params=VERSIONS)
def shared(
    request: pytest.FixtureRequest, elasticsearch_url: str
) -> Iterator[tuple[Simulator, ElasticConnector]]:
    """One simulator of each version with a connection to it."""
    with (
        over(elasticsearch_url, version=request.param) as simulator,
        joined(simulator, sleep=lambda _: None, attempts=2) as connector,
    ):
        [marks] = [one for one in connector.resources.wanted() if one.name.startswith(MARKS)]
        connector.resources.apply(marks)
        yield simulator, connector
        connector.resources.remove(marks)


@pytest.fixture
def kibana(shared: tuple[Simulator, ElasticConnector]) -> Iterator[Simulator]:
    """The simulator, from which all of ours is gone again afterwards."""
    simulator, connector = shared
    yield simulator
    simulator.faults.clear()
    for one in reversed(ours(connector)):
        connector.resources.remove(one)


@pytest.fixture
def connector(shared: tuple[Simulator, ElasticConnector], kibana: Simulator) -> ElasticConnector:
    del kibana
    return shared[1]


def ours(connector: ElasticConnector) -> list[Resource]:
    """What is wanted of Kibana."""
    return [one for one in connector.resources.wanted() if one.kind in KINDS]


def standing(connector: ElasticConnector) -> dict[str, Standing]:
    return {one.name: connector.resources.standing(one).standing for one in ours(connector)}


def applied(connector: ElasticConnector) -> None:
    for one in ours(connector):
        connector.resources.apply(one)


def dashboard(connector: ElasticConnector) -> Resource:
    return next(one for one in ours(connector) if one.name.startswith("scoreback-now"))


def edit(kibana: Simulator, name: str) -> None:
    """Somebody gives a dashboard another title, by the way that the version has."""
    if kibana.version.dashboards_api == "ga":
        path = f"/api/dashboards/{name}"
        body = ask(kibana, "GET", path, space=kibana.home).json["data"]
        answer = ask(kibana, "PUT", path, {**body, "title": "By hand"}, space=kibana.home)
    else:
        path = f"/api/saved_objects/dashboard/{name}"
        body = {"attributes": {"title": "By hand"}}
        answer = ask(kibana, "PUT", path, body, space=kibana.home)
    assert answer.status == 200, answer.text


def test_all_of_it_is_made_stands_as_wanted_and_is_removed(connector: ElasticConnector) -> None:
    assert set(standing(connector).values()) == {Standing.ABSENT}
    applied(connector)
    assert set(standing(connector).values()) == {Standing.CURRENT}
    applied(connector)
    assert set(standing(connector).values()) == {Standing.CURRENT}
    for one in reversed(ours(connector)):
        connector.resources.remove(one)
        connector.resources.remove(one)
    assert set(standing(connector).values()) == {Standing.ABSENT}


def test_dashboards_find_their_data_views_in_the_space(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    applied(connector)
    asked = {
        "objects": [{"type": "dashboard", "id": dashboard(connector).name}],
        "includeReferencesDeep": True,
    }
    answer = ask(kibana, "POST", "/api/saved_objects/_export", asked, space=kibana.home)
    assert answer.status == 200, answer.text
    lines: list[dict[str, Any]] = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["missingRefCount"] == 0
    elsewhere = ask(kibana, "GET", "/api/data_views", space="default")
    assert not [v for v in elsewhere.json["data_view"] if v["id"].startswith("scoreback-")]


def test_what_somebody_edited_is_told_and_taken_over(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    applied(connector)
    wanted = dashboard(connector)
    edit(kibana, wanted.name)
    found = connector.resources.standing(wanted)
    assert found.standing == Standing.EDITED
    assert found.differences == ("title: edited by hand -> as it was written",)
    connector.resources.apply(wanted)
    assert connector.resources.standing(wanted).standing == Standing.CURRENT


def test_what_somebody_removed_is_absent(kibana: Simulator, connector: ElasticConnector) -> None:
    applied(connector)
    wanted = dashboard(connector)
    path = f"/api/saved_objects/dashboard/{wanted.name}"
    assert ask(kibana, "DELETE", path, space=kibana.home).status == 200
    assert connector.resources.standing(wanted).standing == Standing.ABSENT


@pytest.mark.parametrize("kind", ["refuse", "answer_lost", "object_import_stops"])
def test_a_write_that_fails_is_an_error_and_what_is_there_is_told(
    kibana: Simulator, connector: ElasticConnector, kind: str
) -> None:
    if kind == "object_import_stops" and kibana.version.dashboards_api == "ga":
        pytest.skip("the API takes a dashboard at once: nothing is imported")
    for one in ours(connector):
        if one.kind == "data_view":
            connector.resources.apply(one)
    wanted = dashboard(connector)
    for path, method in (("/api/saved_objects/_import", "POST"), ("/api/dashboards/*", "PUT")):
        kibana.faults.add(kind, path=path, method=method, times=2, status=503, objects=0)
    with pytest.raises((SiemUnavailable, SiemRefused)):
        connector.resources.apply(wanted)
    kibana.faults.clear()
    found = connector.resources.standing(wanted)
    assert found.standing in (Standing.ABSENT, Standing.OUTDATED)
    if found.standing == Standing.OUTDATED:
        assert found.differences == ("a write broke off: unknown -> wanted",)
    connector.resources.apply(wanted)
    assert connector.resources.standing(wanted).standing == Standing.CURRENT


def test_a_dashboard_without_its_data_views_is_not_imported(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    wanted = dashboard(connector)
    if kibana.version.dashboards_api == "ga":
        pytest.skip("the API takes a dashboard whose data views come later")
    with pytest.raises(SiemRefused, match=r"missing_references: .*scoreback-health"):
        connector.resources.apply(wanted)
    assert connector.resources.standing(wanted).standing == Standing.ABSENT


def test_a_key_without_the_right_is_told_which_it_lacks(
    kibana: Simulator,
) -> None:
    key = kibana.accounts.key_with("feature_indexPatterns.all")
    with joined(kibana, sleep=lambda _: None, apply=False, kibana_api_key=key) as connector:
        with pytest.raises(SiemRefused) as refused:
            connector.resources.standing(dashboard(connector))
        assert "403" in refused.value.message
        assert refused.value.hint


def test_without_kibana_only_what_lies_in_it_is_out_of_reach(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    wanted = ours(connector)
    kibana.faults.add("kibana_down")
    with pytest.raises(SiemUnavailable):
        connector.resources.standing(wanted[0])
    stream = Resources(connector.client, connector.given).wanted()[1]
    assert connector.resources.standing(stream).standing == Standing.CURRENT
