"""Alert rules as saved searches, on the simulator of splunkd: no real Splunk has confirmed them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.rules.spl import filter_name, search_name
from scoreback.deployment import Delivery, Standing, Suppress
from scoreback.errors import SiemRefused
from scoreback.service.app import App
from scoreback.service.deploying.reconcile import put, settle
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from tests.integration.splunk_things import NOW, rule
from tests.splunkd.connection import connected, simulated
from tests.splunkd.simulator import Simulator

RULE = rule()


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    with simulated(now=NOW, delay=0) as simulator:
        yield simulator


@pytest.fixture
def connector(splunk: Simulator) -> Iterator[SplunkConnector]:
    with connected(splunk) as found:
        yield found


def searches(connector: SplunkConnector) -> str:
    return connector.client.own("saved/searches", search_name(RULE.name))


def content(connector: SplunkConnector) -> dict[str, Any]:
    found: dict[str, Any] = connector.client.call("GET", searches(connector))["entry"][0]["content"]
    return found


def by_hand(connector: SplunkConnector, **keys: str) -> None:
    form = {key.replace("__", "."): value for key, value in keys.items()}
    connector.client.call("POST", searches(connector), form=form)


def macro(connector: SplunkConnector) -> str:
    path = connector.client.own("configs/conf-macros", filter_name(RULE.name))
    found = connector.client.call("GET", path, absent=(404,))
    return "" if found is None else str(found["entry"][0]["content"]["definition"])


def test_a_rule_is_a_scheduled_search_that_reads_by_index_time(connector: SplunkConnector) -> None:
    connector.rules.apply(RULE)
    found = content(connector)
    assert (found["is_scheduled"], found["realtime_schedule"]) in ((True, False), ("1", "0"))
    assert found["dispatch.index_earliest"] == "-60m@m"
    assert found["actions"] == "scoreback_alert"
    assert connector.rules.current(RULE.name) == RULE
    assert connector.rules.standing(RULE).standing is Standing.CURRENT


def test_what_the_user_changed_is_read_first_and_kept(connector: SplunkConnector) -> None:
    connector.rules.apply(RULE)
    by_hand(
        connector, disabled="1", actions="email,scoreback_alert",
        action__email__to="soc@example.org", action__scoreback_alert__param__throttle="60",
    )  # fmt: skip
    path = connector.client.own("configs/conf-macros", filter_name(RULE.name))
    connector.client.call("POST", path, form={"definition": 'search NOT src="10.0.0.9"'})
    assert connector.rules.standing(RULE).standing is Standing.CURRENT
    newer = replace(RULE, version="v2-bb", throttle=timedelta(hours=4))
    assert connector.rules.standing(newer).standing is Standing.OUTDATED
    connector.rules.apply(newer)
    found = content(connector)
    assert found["disabled"] in (True, "1")
    actions = {name.strip() for name in found["actions"].split(",")}
    assert actions == {"email", "scoreback_alert"}
    assert found["action.email.to"] == "soc@example.org"
    assert found["action.scoreback_alert.param.throttle"] == "60"
    assert 'scoreback_version="v2-bb"' in found["search"]
    assert macro(connector) == 'search NOT src="10.0.0.9"'


@pytest.mark.parametrize("key", ["search", "cron_schedule", "description"])
def test_a_hand_in_what_is_ours_is_shown_and_replaced_only_when_told(
    connector: SplunkConnector, key: str
) -> None:
    connector.rules.apply(RULE)
    by_hand(connector, **{key: "0 0 * * *"})
    found = connector.rules.standing(RULE)
    assert found.standing is Standing.EDITED
    assert any(line.startswith(f"{key}: 0 0 * * *") for line in found.differences)
    connector.rules.apply(RULE)
    assert connector.rules.standing(RULE).standing is Standing.CURRENT


def test_a_rule_that_somebody_deleted_is_absent(connector: SplunkConnector) -> None:
    connector.rules.apply(RULE)
    connector.client.call("DELETE", searches(connector))
    assert connector.rules.standing(RULE).standing is Standing.ABSENT
    assert connector.rules.current(RULE.name) is None


def test_somebody_elses_search_under_our_name_is_left_alone(connector: SplunkConnector) -> None:
    path = connector.client.own("saved/searches")
    form = {"name": search_name(RULE.name), "search": "index=main"}
    connector.client.call("POST", path, form=form)
    assert connector.rules.standing(RULE).standing is Standing.FOREIGN
    with pytest.raises(SiemRefused, match="not made by Scoreback"):
        connector.rules.current(RULE.name)


def test_removing_takes_the_filter_along_unless_the_user_filled_it(
    connector: SplunkConnector,
) -> None:
    connector.rules.apply(RULE)
    assert macro(connector) == "search *"
    for _ in range(2):
        connector.rules.remove(RULE.name)
    assert (connector.rules.current(RULE.name), macro(connector)) == (None, "")
    connector.rules.apply(RULE)
    path = connector.client.own("configs/conf-macros", filter_name(RULE.name))
    connector.client.call("POST", path, form={"definition": "search NOT host=lab"})
    connector.rules.remove(RULE.name)
    assert macro(connector) == "search NOT host=lab"


def test_two_services_that_apply_at_once_leave_one_rule(splunk: Simulator) -> None:
    failures: list[BaseException] = []

    def apply() -> None:
        try:
            with connected(splunk) as mine:
                for n in range(5):
                    mine.rules.apply(replace(RULE, budget=float(n)))
                mine.rules.apply(RULE)
        except SiemRefused as error:
            failures.append(error)

    workers = [Thread(target=apply) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []
    with connected(splunk) as after:
        assert after.rules.standing(RULE).standing is Standing.CURRENT


def test_a_search_that_another_made_a_moment_ago_is_updated(
    splunk: Simulator, connector: SplunkConnector
) -> None:
    connector.rules.apply(RULE)
    splunk.faults.add("refuse", path="*/saved/searches/*", method="GET", times=1, status=404)
    connector.rules.apply(replace(RULE, budget=7.0))
    current = connector.rules.current(RULE.name)
    assert current is not None
    assert current.budget == 7.0


def test_what_rules_can_do_depends_on_enterprise_security(splunk: Simulator) -> None:
    with connected(splunk, enterprise_security="false") as plain:
        assert plain.rules.suppresses == frozenset(Suppress)
        assert plain.rules.delivers == (Delivery.FINDING,)
    with connected(splunk, enterprise_security="true") as full:
        assert full.rules.suppresses == {Suppress.THROTTLE}
        assert full.rules.delivers[0] is Delivery.RISK


def test_a_detector_whose_name_could_end_its_quotes_is_refused(connector: SplunkConnector) -> None:
    for name in ('a" OR index=*', "a|delete", "a`b`", "a$b$", "a*", "a\nb"):
        with pytest.raises(SiemRefused, match="cannot be part of a search"):
            connector.rules.apply(replace(RULE, detector=name))
        with pytest.raises(SiemRefused, match="cannot be part of a search"):
            connector.rules.apply(replace(RULE, version=name))


def test_the_service_leaves_what_somebody_removed_or_edited_until_it_is_told(
    connector: SplunkConnector, tmp_path: Path
) -> None:
    told: list[str] = []
    with State.open(tmp_path / "state") as state:
        app = App(Settings(home=tmp_path, connector="splunk"), connector, state)
        assert settle(app, RULE, at=NOW, warn=told.append)
        connector.client.call("DELETE", searches(connector))
        assert not settle(app, RULE, at=NOW, warn=told.append)
        assert connector.rules.current(RULE.name) is None
        put(app, RULE, NOW)  # as `scoreback apply` does
        by_hand(connector, search="index=main")
        assert not settle(app, replace(RULE, version="v2-bb"), at=NOW, warn=told.append)
    assert content(connector)["search"] == "index=main"
    assert [("somebody removed" in text, "edited by hand" in text) for text in told] == [
        (True, False), (False, True),
    ]  # fmt: skip
