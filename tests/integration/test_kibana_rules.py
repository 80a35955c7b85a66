"""Alert rules as detection rules, on the simulator of Kibana: no real Kibana has confirmed them."""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.kibana.client import Answer, Kibana
from scoreback.connectors.elastic.kibana.rules.body import rule_id
from scoreback.connectors.elastic.kibana.rules.door import PATH
from scoreback.connectors.elastic.kibana.rules.mark import Mark, Marks
from scoreback.connectors.elastic.names import Names
from scoreback.deployment import AlertRule, Standing, Suppress
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable
from scoreback.health import Condition
from scoreback.models.detector.file import parse_detector
from scoreback.records import TimeWindow
from scoreback.service.app import App, opened
from scoreback.service.deploying import reconcile
from scoreback.service.deploying.health_rules import health_rules, reconcile_health
from scoreback.service.deploying.reconcile import put, settle
from scoreback.service.deploying.rule_files import write_rule_files
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Work
from scoreback.service.serving.kinds.monitoring import FOLLOWING
from scoreback.service.serving.kinds.reconciling import RECONCILE
from scoreback.service.serving.kinds.settings_pages import SETTINGS
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from tests.elasticsearch.batches import NOW, scores
from tests.elasticsearch.faults import refuses
from tests.elasticsearch.proxy import Proxy
from tests.kibana import rule_schemas
from tests.kibana.accounts import PASSWORD, USER
from tests.kibana.asking import ask
from tests.kibana.connection import joined
from tests.kibana.fixtures import over
from tests.kibana.rules.store import Rules
from tests.kibana.simulator import Simulator
from tests.unit.connectors.elastic.kibana.rules.examples import events_rule, health_rule, rule

pytestmark = pytest.mark.server

RULE = rule()
DETECTOR = """
name: exfil_dns
events: {elastic: {index: logs-dns}}
entity: source.ip
labels: {verdicts: {join: event}}
features: [number: network.bytes]
alerts: {budget: 20/day}
"""


@pytest.fixture(scope="module")
def shared(elasticsearch_url: str) -> Iterator[tuple[Simulator, ElasticConnector]]:
    """One simulator and one connection for the module: their rules differ by name."""
    with over(elasticsearch_url) as simulator, joined(simulator, sleep=lambda _: None) as connector:
        yield simulator, connector


@pytest.fixture
def kibana(shared: tuple[Simulator, ElasticConnector]) -> Iterator[Simulator]:
    """The simulator, whose switches are off again afterwards and whose rules are gone."""
    simulator, connector = shared
    yield simulator
    simulator.faults.clear()
    for name in (RULE.name, health_rule().name):
        connector.rules.remove(name)  # with what is known of it
    simulator.kept(Rules, simulator.home).by_id.clear()


@pytest.fixture
def connector(shared: tuple[Simulator, ElasticConnector], kibana: Simulator) -> ElasticConnector:
    """The connection, over rules of this test alone."""
    del kibana
    return shared[1]


def names(connector: ElasticConnector) -> Names:
    return Names(connector.given.namespace)


def of(connector: ElasticConnector, wanted: AlertRule = RULE) -> dict[str, str]:
    return {"rule_id": rule_id(names(connector), wanted.name)}


def stored(
    kibana: Simulator, connector: ElasticConnector, wanted: AlertRule = RULE
) -> dict[str, Any]:
    """The rule as Kibana answers it."""
    answer = ask(kibana, "GET", PATH, params=of(connector, wanted))
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def by_hand(kibana: Simulator, connector: ElasticConnector, **keys: object) -> None:
    """Somebody changes the rule in Kibana."""
    answer = ask(kibana, "PATCH", PATH, {**of(connector), **keys})
    assert answer.status == 200, answer.text


def deleted(kibana: Simulator, connector: ElasticConnector) -> None:
    assert ask(kibana, "DELETE", PATH, params=of(connector)).status == 200


@contextmanager
def asking(
    connector: ElasticConnector, kibana: Simulator, **more: object
) -> Iterator[ElasticConnector]:
    """Another connection to the same namespace."""
    given = {
        "hosts": connector.given.hosts, "namespace": connector.given.namespace, "replicas": 0,
        "kibana": kibana.url, "space": kibana.home, "attempts": 2, **more,
    }  # fmt: skip
    other = ElasticConnector.open("contract", given, sleep=lambda _: None)
    try:
        yield other
    finally:
        other.close_connection()


def test_a_rule_is_made_switched_on_and_is_then_current(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    assert connector.rule_engine is None
    assert connector.rules.standing(RULE).standing == Standing.ABSENT
    assert connector.rules.current(RULE.name) is None
    connector.rules.apply(RULE)
    found = stored(kibana, connector)
    assert found["enabled"] is True
    assert found["index"] == [names(connector).scores]
    assert connector.rules.standing(RULE).standing == Standing.CURRENT
    assert connector.rules.current(RULE.name) == RULE
    assert kibana.stripped == []


def test_applying_it_twice_changes_nothing(kibana: Simulator, connector: ElasticConnector) -> None:
    connector.rules.apply(RULE)
    first = stored(kibana, connector)
    connector.rules.apply(RULE)
    assert stored(kibana, connector) == first


def test_a_new_version_of_the_detector_is_outdated_and_then_followed(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(RULE)
    newer = replace(RULE, version="v4-aa", description="threat detection, scored by v4-aa")
    found = connector.rules.standing(newer)
    assert found.standing == Standing.OUTDATED
    assert [told.partition(":")[0] for told in found.differences] == ["description", "query"]
    connector.rules.apply(newer)
    assert '"v4-aa"' in stored(kibana, connector)["query"]
    assert connector.rules.standing(newer).standing == Standing.CURRENT


def test_what_belongs_to_the_user_is_kept_when_the_rule_changes(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(RULE)
    note = stored(kibana, connector)["note"]
    mine: dict[str, Any] = {
        "interval": "1h",
        "from": "now-3h",
        "note": note + "\n\nCall Ada.",
        "tags": [*stored(kibana, connector)["tags"], "Tier 1"],
        "exceptions_list": [
            {"id": "e", "list_id": "e", "type": "detection", "namespace_type": "single"}
        ],
        "filters": [{"query": {"term": {"host.name": "a"}}}],
        "enabled": False,
    }
    by_hand(kibana, connector, **mine)
    assert connector.rules.standing(RULE).standing == Standing.CURRENT
    connector.rules.apply(replace(RULE, version="v4-aa", budget=50.0))
    found = stored(kibana, connector)
    assert '"v4-aa"' in found["query"]
    assert found["max_signals"] == 500
    assert {key: found[key] for key in mine} == mine


def test_a_hand_edit_of_ours_is_told_and_apply_writes_over_it(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(RULE)
    by_hand(kibana, connector, query="*", severity="low")
    found = connector.rules.standing(RULE)
    assert found.standing == Standing.EDITED
    assert [told.partition(":")[0] for told in found.differences] == ["query", "severity"]
    connector.rules.apply(RULE)
    assert connector.rules.standing(RULE).standing == Standing.CURRENT


def test_a_rule_that_is_not_known_is_somebody_elses_until_it_is_taken_over(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    body = {
        **of(connector), "type": "query", "query": "*", "index": ["logs-*"], "name": "mine",
        "description": "mine", "severity": "low", "risk_score": 1, "tags": ["mine"],
        "data_view_id": "x",
    }  # fmt: skip
    del body["data_view_id"]
    assert ask(kibana, "POST", PATH, body).status == 200
    assert connector.rules.standing(RULE).standing == Standing.FOREIGN
    with pytest.raises(SiemRefused, match="Scoreback's record of it is missing"):
        connector.rules.current(RULE.name)
    connector.rules.apply(RULE)
    assert connector.rules.standing(RULE).standing == Standing.CURRENT
    assert "mine" in stored(kibana, connector)["tags"]


def test_a_copy_that_somebody_made_of_our_rule_is_not_ours(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(RULE)
    copied = {"action": "duplicate", "ids": [stored(kibana, connector)["id"]]}
    answer = ask(kibana, "POST", f"{PATH}/_bulk_action", copied)
    assert answer.status == 200, answer.text
    connector.rules.remove(RULE.name)
    (left,) = ask(kibana, "GET", f"{PATH}/_find").json["data"]
    assert left["name"].startswith("Scoreback: exfil_dns [Duplicate")


def test_a_paused_rule_is_switched_off_and_on_again_unless_somebody_else_did_it(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    paused = replace(RULE, paused=True)
    connector.rules.apply(RULE)
    found = connector.rules.standing(paused)
    assert (found.standing, found.differences) == (Standing.OUTDATED, ("enabled: True -> False",))
    connector.rules.apply(paused)
    assert stored(kibana, connector)["enabled"] is False
    assert connector.rules.standing(paused).standing == Standing.CURRENT
    connector.rules.apply(RULE)
    assert stored(kibana, connector)["enabled"] is True
    by_hand(kibana, connector, enabled=False)
    connector.rules.apply(paused)
    connector.rules.apply(RULE)
    assert stored(kibana, connector)["enabled"] is False


def test_a_rule_that_is_paused_from_the_start_is_made_switched_off(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(replace(RULE, paused=True))
    assert stored(kibana, connector)["enabled"] is False
    connector.rules.apply(RULE)
    assert stored(kibana, connector)["enabled"] is True


def test_a_rule_goes_with_its_mark_and_removing_it_again_is_no_error(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(RULE)
    connector.rules.remove(RULE.name)
    connector.rules.remove(RULE.name)
    assert connector.rules.standing(RULE).standing == Standing.ABSENT
    assert kibana.kept(Rules, kibana.home).by_id == {}


def test_health_rules_read_the_health_of_the_namespace(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    wanted = health_rule()
    connector.rules.apply(wanted)
    assert stored(kibana, connector, wanted)["index"] == [names(connector).health]
    assert connector.rules.current(wanted.name) == wanted
    assert connector.rules.standing(wanted).standing == Standing.CURRENT


@pytest.mark.parametrize("condition", ["gate_waiting", "quarantined"])
def test_a_health_rule_that_somebody_edited_is_kept_and_told_and_the_others_follow(
    kibana: Simulator, connector: ElasticConnector, tmp_path: Path, condition: str
) -> None:
    said: list[str] = []
    with State.open(tmp_path / "state") as state:
        app = App(Settings(home=tmp_path, connector="elastic"), connector, state)
        reconcile_health(app, at=NOW, warn=said.append)
        assert said == []
        rules = {one.name: one for one in health_rules(app)}
        edited = rules.pop(f"health.{condition}")
        keys = {**of(connector, edited), "query": "*", "severity": "critical"}
        assert ask(kibana, "PATCH", PATH, keys).status == 200
        reconcile_health(app, at=NOW, warn=said.append)
        assert stored(kibana, connector, edited)["query"] == "*"
        assert connector.rules.standing(edited).standing == Standing.EDITED
        (warning,) = said
        assert f"health.{condition}" in warning
        assert "scoreback plan" in warning
        for other in rules.values():
            assert connector.rules.standing(other).standing == Standing.CURRENT
        connector.rules.apply(edited)
        assert connector.rules.standing(edited).standing == Standing.CURRENT
        for each in (edited, *rules.values()):
            connector.rules.remove(each.name)


def test_nothing_is_suppressed_where_the_licence_is_not_told(connector: ElasticConnector) -> None:
    assert Suppress.PER_ENTITY not in connector.rules.suppresses
    assert connector.rules.suppresses == frozenset()


@pytest.mark.parametrize("what", ["changed", "removed"])
def test_a_change_by_somebody_at_the_same_moment_is_not_written_over(
    kibana: Simulator, connector: ElasticConnector, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    connector.rules.apply(RULE)
    write, others = Marks.write, [what]

    def meanwhile(self: Marks, name: str, mark: Mark) -> None:
        write(self, name, mark)
        match others.pop() if others else "":
            case "changed":
                by_hand(kibana, connector, tags=["theirs"], interval="1h")
            case "removed":
                deleted(kibana, connector)

    monkeypatch.setattr(Marks, "write", meanwhile)
    connector.rules.apply(replace(RULE, paused=True))  # needs the rule as a whole
    found = stored(kibana, connector)
    assert found["enabled"] is False
    if what == "changed":
        assert (found["interval"], "theirs" in found["tags"]) == ("1h", True)
    assert connector.rules.standing(replace(RULE, paused=True)).standing == Standing.CURRENT
    connector.rules.apply(RULE)
    assert stored(kibana, connector)["enabled"] is True


@pytest.mark.parametrize("kind", ["answer_lost", "disconnect"])
def test_a_pause_that_breaks_off_is_made_good(
    kibana: Simulator, connector: ElasticConnector, kind: str
) -> None:
    connector.rules.apply(RULE)
    paused = replace(RULE, paused=True)
    with asking(connector, kibana, user=USER, password=PASSWORD, attempts=1) as once:
        for wanted in (paused, RULE, paused):
            kibana.faults.add(kind, path=PATH, method="PUT", times=1)
            with pytest.raises(SiemUnavailable):
                once.rules.apply(wanted)
            once.rules.apply(wanted)
            assert stored(kibana, connector)["enabled"] is not wanted.paused
            assert once.rules.standing(wanted).standing == Standing.CURRENT
        kibana.faults.add(kind, path=PATH, method="PUT", times=1)
        with pytest.raises(SiemUnavailable):
            once.rules.apply(RULE)
        once.rules.apply(paused)
        assert stored(kibana, connector)["enabled"] is False


def test_a_day_of_jobs_asks_kibana_once_for_each_rule(
    kibana: Simulator,
    connector: ElasticConnector,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    detector = parse_detector(DETECTOR)
    monkeypatch.setattr(reconcile, "champions_rules", lambda _app, _detector: (RULE,))
    served = [Served(Path("exfil_dns.yml"), detector)]
    with State.open(tmp_path / "state") as state:
        app = App(Settings(home=tmp_path, connector="elastic"), connector, state)
        wanted = [RULE, *health_rules(app)]
        for each in wanted:
            put(app, each, NOW)
        sent, said = list[str](), list[str]()
        send = Kibana.send

        def counted(self: Kibana, method: str, path: str, *given: Any, **more: Any) -> Answer:  # noqa: ANN401
            sent.append(f"{method} {path}")
            return send(self, method, path, *given, **more)

        monkeypatch.setattr(Kibana, "send", counted)
        day = NOW.replace(hour=0, minute=0)
        RECONCILE.run(work(app, day, said), served)
        assert sent == [f"GET {PATH}"]
        for minute in range(0, 24 * 60, 15):
            now = work(app, day + timedelta(minutes=minute), said)
            SETTINGS.run(now, served)
            assert connector.rules.suppresses == frozenset()  # what each step of scoring asks
            if minute % 60 == 15:
                assert FOLLOWING.warnings(now) == []
        assert sent == [f"GET {PATH}"] * len(wanted)
        assert said == []
        FOLLOWING.warnings(work(app, day + timedelta(days=1), said))
        assert len(sent) == len(wanted) + len(Condition)
        for each in wanted:
            connector.rules.remove(each.name)
    assert kibana.kept(Rules, kibana.home).by_id == {}


def work(app: App, now: datetime, said: list[str]) -> Work:
    return Work(
        app=app, now=now, pause=lambda _: None, apart=None, left=lambda _: None,
        warn=lambda _about, _names, text: said.append(text), clear=lambda _about, _name: None,
    )  # fmt: skip


def test_a_rule_over_events_is_made_and_stands_as_others_do(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    wanted = events_rule()
    connector.rules.apply(wanted)
    found = stored(kibana, connector)
    assert (found["type"], found["language"]) == ("esql", "esql")
    assert f"LOOKUP JOIN {names(connector).events_lookup} ON" in found["query"]
    assert rule_schemas.problems(found, kibana.version.line) == []
    assert connector.rules.standing(wanted).standing == Standing.CURRENT
    assert connector.rules.current(wanted.name) == wanted
    connector.rules.apply(wanted)
    assert stored(kibana, connector) == found
    newer = replace(wanted, version="v4-aa")
    assert connector.rules.standing(newer).standing == Standing.OUTDATED
    connector.rules.apply(newer)
    assert '"v4-aa"' in stored(kibana, connector)["query"]
    by_hand(kibana, connector, query="FROM logs-* METADATA _id", language="esql", type="esql")
    assert connector.rules.standing(newer).standing == Standing.EDITED
    assert kibana.stripped == []


def test_what_a_rule_reads_can_change_and_the_users_part_is_kept(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(RULE)
    first = stored(kibana, connector)
    mine: dict[str, Any] = {
        "interval": "1h",
        "note": first["note"] + "\n\nCall Ada.",
        "tags": [*first["tags"], "Tier 1"],
        "exceptions_list": [
            {"id": "e", "list_id": "e", "type": "detection", "namespace_type": "single"}
        ],
        "enabled": False,
    }
    by_hand(kibana, connector, **mine)
    wanted = events_rule()
    found = connector.rules.standing(wanted)
    assert found.standing == Standing.OUTDATED
    assert "type: query -> esql" in found.differences
    connector.rules.apply(wanted)
    second = stored(kibana, connector)
    assert (second["type"], second["id"] == first["id"]) == ("esql", False)
    assert second["note"].endswith("Call Ada.")
    assert "`scoreback.reason`" in second["note"]
    kept = ("interval", "tags", "exceptions_list", "enabled")
    assert {key: second[key] for key in kept} == {key: mine[key] for key in kept}
    assert second["from"] == "now-7h"
    assert connector.rules.standing(wanted).standing == Standing.CURRENT
    connector.rules.apply(replace(RULE, version="v4-aa"))
    third = stored(kibana, connector)
    assert (third["type"], third["interval"], third["enabled"]) == ("query", "1h", False)
    assert kibana.stripped == []


@pytest.mark.parametrize("paused", [False, True])
def test_a_rule_that_was_taken_away_to_be_made_anew_is_made_by_the_next_try(
    kibana: Simulator, connector: ElasticConnector, paused: bool
) -> None:
    connector.rules.apply(RULE)
    by_hand(kibana, connector, interval="1h")
    kibana.faults.add("refuse", path=PATH, method="POST", status=400, text="no")
    wanted = replace(events_rule(), paused=paused)
    with pytest.raises(SiemRefused):
        connector.rules.apply(wanted)
    kibana.faults.clear()
    found = connector.rules.standing(wanted)
    assert found.standing == Standing.OUTDATED  # ours to mend: nobody else removed it
    connector.rules.apply(wanted)
    assert connector.rules.standing(wanted).standing == Standing.CURRENT
    assert stored(kibana, connector)["interval"] == "1h"
    assert stored(kibana, connector)["enabled"] is not paused
    connector.rules.apply(replace(wanted, paused=False))
    assert stored(kibana, connector)["enabled"] is True


def test_two_services_that_apply_at_once_leave_one_rule_as_wanted(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    failed: list[Exception] = []

    def apply() -> None:
        try:
            for _ in range(5):
                connector.rules.apply(RULE)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [Thread(target=apply) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(kibana.kept(Rules, kibana.home).by_id) == 1
    assert connector.rules.standing(RULE).standing == Standing.CURRENT


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_that_comes_second_reads_again(
    kibana: Simulator, connector: ElasticConnector, method: str
) -> None:
    if method == "PATCH":
        connector.rules.apply(replace(RULE, version="v0-00"))
    kibana.faults.add("conflict", path=PATH, method=method, times=2)
    connector.rules.apply(RULE)
    assert connector.rules.standing(RULE).standing == Standing.CURRENT


def test_a_rule_that_is_changed_for_ever_is_left_to_a_later_try(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    kibana.faults.add("conflict", path=PATH, method="POST")
    with pytest.raises(SiemUnavailable, match="being changed by somebody else"):
        connector.rules.apply(RULE)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_a_lost_answer_leaves_a_rule_that_is_ours(
    kibana: Simulator, connector: ElasticConnector, method: str
) -> None:
    wanted = replace(RULE, paused=method == "PUT")
    if method != "POST":
        connector.rules.apply(replace(RULE, version="v0-00"))
    kibana.faults.add("answer_lost", path=PATH, method=method, times=1)
    connector.rules.apply(wanted)
    assert connector.rules.standing(wanted).standing == Standing.CURRENT
    newer = replace(wanted, version="v9-99")
    assert connector.rules.standing(newer).standing == Standing.OUTDATED


@pytest.mark.parametrize("status", [413, 400])
def test_what_kibana_will_not_take_is_refused(
    kibana: Simulator, connector: ElasticConnector, status: int
) -> None:
    kibana.faults.add("refuse", path=PATH, method="POST", status=status, text="no")
    with pytest.raises(SiemRefused, match=f"with {status}"):
        connector.rules.apply(RULE)
    kibana.faults.clear()
    connector.rules.apply(RULE)
    assert connector.rules.standing(RULE).standing == Standing.CURRENT


def test_kibana_that_is_down_stops_neither_scores_nor_events(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    kibana.faults.add("kibana_down")
    with asking(connector, kibana) as other:
        window = TimeWindow(since=NOW - timedelta(days=1), until=NOW)
        assert list(other.scores.histograms("nobody", window)) == []
        assert other.scores.write(scores([1]), at=NOW).written == 1
        with pytest.raises(SiemUnavailable, match="not ready yet"):
            other.rules.standing(RULE)


def test_a_cluster_that_is_down_while_kibana_is_up_leaves_no_rule_that_nobody_knows(
    kibana: Simulator, connector: ElasticConnector, elasticsearch_proxy: Proxy
) -> None:
    hosts = [elasticsearch_proxy.url]
    with asking(connector, kibana, hosts=hosts, user=USER, password=PASSWORD) as other:
        elasticsearch_proxy.add(refuses(503), times=None)
        with pytest.raises(SiemUnavailable):
            other.rules.apply(RULE)
        assert kibana.kept(Rules, kibana.home).by_id == {}
        elasticsearch_proxy.clear()
        other.rules.apply(RULE)
        assert other.rules.standing(RULE).standing == Standing.CURRENT


def test_a_rule_that_somebody_snoozed_is_as_wanted_and_stays_snoozed_when_it_changes(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    connector.rules.apply(RULE)
    path = f"/api/alerting/rule/{stored(kibana, connector)['id']}"
    schedule = {"custom": {"duration": "3d", "start": "2026-01-01T00:00:00.000Z"}}
    snoozed = ask(kibana, "POST", f"{path}/snooze_schedule", {"schedule": schedule})
    assert snoozed.status == 200, snoozed.text
    assert connector.rules.standing(RULE).standing == Standing.CURRENT
    connector.rules.apply(replace(RULE, version="v9-99999999"))
    told = ask(kibana, "GET", path).json["snooze_schedule"]
    assert len(told) == 1


def test_a_space_that_does_not_exist_is_named_before_anything_is_made(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    with (
        asking(connector, kibana, space="nowhere", user=USER, password=PASSWORD) as other,
        pytest.raises(SiemRefused, match="no space 'nowhere'"),
    ):
        other.rules.apply(RULE)
    assert kibana.kept(Rules, "nowhere").by_id == {}


def test_a_rule_that_somebody_deleted_stays_deleted_until_apply(
    kibana: Simulator, connector: ElasticConnector, tmp_path: Path
) -> None:
    warned = list[str]()
    with State.open(tmp_path / "state") as state:
        app = App(Settings(home=tmp_path, connector="elastic"), connector, state)
        put(app, RULE, NOW)
        assert not settle(app, RULE, at=NOW, warn=warned.append)
        assert warned == []
        deleted(kibana, connector)
        assert not settle(app, RULE, at=NOW, warn=warned.append)
        assert "no alerts are raised" in warned[0]
        put(app, RULE, NOW)
        assert connector.rules.standing(RULE).standing == Standing.CURRENT


def test_a_key_that_is_not_known_is_told(kibana: Simulator, connector: ElasticConnector) -> None:
    with (
        asking(connector, kibana, kibana_api_key="bm90OmtuD3du") as other,
        pytest.raises(SiemRefused, match="with 401") as refused,
    ):
        other.rules.standing(RULE)
    assert "check kibana_api_key" in refused.value.hint


@pytest.mark.parametrize(
    ("version", "has", "named"),
    [
        ("8.19", "feature_dashboard_v2.all", "feature_siemV2.all"),
        ("9.2", "feature_dashboard_v2.all", "feature_siemV4.all"),
        ("9.4", "feature_siemV5.all", "feature_securitySolutionRulesV4.all"),
        ("9.5", "feature_siemV5.all", "feature_securitySolutionRulesV4.all"),
    ],
)
def test_the_missing_right_is_named_as_this_version_calls_it(
    connector: ElasticConnector, kibana: Simulator, version: str, has: str, named: str
) -> None:
    node = kibana.options.elasticsearch
    assert node is not None
    with over(node, version=version) as simulator:
        poor = simulator.accounts.key_with(has)
        with asking(connector, simulator, kibana_api_key=poor) as other:
            with pytest.raises(SiemRefused, match="with 403") as refused:
                other.rules.apply(RULE)
            assert f"{named} " in refused.value.hint
        enough = simulator.accounts.key_with(named)
        with asking(connector, simulator, kibana_api_key=enough) as other:
            other.rules.apply(RULE)
            assert other.rules.standing(RULE).standing == Standing.CURRENT
            other.rules.apply(replace(RULE, paused=True))
            other.rules.apply(RULE)
            other.rules.remove(RULE.name)


def test_a_kibana_without_elastic_security_is_not_a_rule_that_is_absent(
    kibana: Simulator, connector: ElasticConnector
) -> None:
    kibana.faults.add("refuse", path=PATH, status=404, text="Not Found")
    with pytest.raises(SiemRefused, match="with 404: Not Found"):
        connector.rules.standing(RULE)
    kibana.faults.clear()
    kibana.faults.add("refuse", path=PATH, status=404, html=True)
    with pytest.raises(SiemRefused, match="with 404"):
        connector.rules.standing(RULE)


def test_a_rule_that_is_as_wanted_costs_one_request(
    kibana: Simulator, connector: ElasticConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector.rules.apply(RULE)
    sent = list[str]()
    send = Kibana.send

    def counted(self: Kibana, method: str, path: str, *given: Any, **more: Any) -> Answer:  # noqa: ANN401
        sent.append(f"{method} {path}")
        return send(self, method, path, *given, **more)

    monkeypatch.setattr(Kibana, "send", counted)
    with asking(connector, kibana, user=USER, password=PASSWORD) as other:
        assert sent == []
        assert other.rules.standing(RULE).standing == Standing.CURRENT
    assert sent == [f"GET {PATH}"]


def test_rules_are_written_as_files_and_again_only_where_they_differ(
    kibana: Simulator, connector: ElasticConnector, tmp_path: Path
) -> None:
    del kibana
    folder = tmp_path / "rules"
    with State.open(tmp_path / "state") as state:
        app = App(Settings(home=tmp_path, connector="elastic"), connector, state)
        written = write_rule_files(app, (), folder, today=date(2026, 6, 1))
        first = {path.name: path.read_text(encoding="utf-8") for path in written}
        assert sorted(first) == sorted(
            f"scoreback_health_{condition}.toml" for condition in Condition
        )
        changed = written[0]
        edited = first[changed.name].replace('type = "query"', 'type = "other"')
        changed.write_text(edited, encoding="utf-8")
        write_rule_files(app, (), folder, today=date(2026, 7, 1))
    for path in written[1:]:
        assert path.read_text(encoding="utf-8") == first[path.name]
    again = tomllib.loads(changed.read_text(encoding="utf-8"))
    assert again["rule"]["type"] == "query"
    assert again["metadata"]["creation_date"] == "2026/06/01"
    assert again["metadata"]["updated_date"] == "2026/07/01"


def test_a_siem_without_such_files_says_so(tmp_path: Path) -> None:
    with (
        opened(Settings(home=tmp_path)) as app,
        pytest.raises(ConfigError, match="not kept as files"),
    ):
        write_rule_files(app, (), tmp_path / "rules", today=date(2026, 6, 1))
