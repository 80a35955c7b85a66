"""Alert suppression: which events are counted together, and until when."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.kibana.asking import ask
from tests.kibana.fixtures import over
from tests.kibana.simulator import Simulator
from tests.kibana.test_runner import NOW, Lab, event, laboratory

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def platinum(elasticsearch_url: str) -> Iterator[Simulator]:
    with over(elasticsearch_url, license="platinum") as simulator:
        yield simulator


@pytest.fixture
def lab(platinum: Simulator, fresh_prefix: str) -> Lab:
    return laboratory(platinum, fresh_prefix)


def counts(lab: Lab) -> dict[str | None, list[int]]:
    found: dict[str | None, list[int]] = {}
    for alert in lab.alerts():
        terms: Any = alert["kibana.alert.suppression.terms"]
        found.setdefault(terms[0]["value"], []).append(alert["kibana.alert.suppression.docs_count"])
    return {key: sorted(values) for key, values in found.items()}


def test_without_a_duration_each_run_has_one_alert_for_a_group(lab: Lab) -> None:
    lab.put({"1": event(90, "a"), "2": event(80, "a"), "3": event(70, "b"), "4": event(60, "b")})
    lab.rule(alert_suppression={"group_by": ["host.name"]})
    run = lab.run()
    assert (run["created"], run["suppressed"]) == (2, 2)
    assert counts(lab) == {"a": [1], "b": [1]}
    lab.put({"5": event(10, "a")})
    assert lab.run(after=30)["created"] == 1  # the older ones of the span are not counted again
    assert counts(lab) == {"a": [0, 1], "b": [1]}


def test_with_a_duration_an_open_alert_counts_on(lab: Lab) -> None:
    lab.put({"1": event(90, "a")})
    duration = {"value": 1, "unit": "h"}
    lab.rule(alert_suppression={"group_by": ["host.name"], "duration": duration})
    assert lab.run()["created"] == 1
    lab.put({"2": event(-10, "a"), "3": event(-20, "a")})
    run = lab.run(after=60)
    assert (run["created"], run["suppressed"]) == (0, 2)
    assert counts(lab) == {"a": [2]}
    lab.put({"4": event(-7200, "a")})
    assert lab.run(after=7200)["created"] == 1
    assert counts(lab) == {"a": [0, 2]}


def test_a_closed_alert_counts_no_further(lab: Lab) -> None:
    lab.put({"1": event(90, "a")})
    duration = {"value": 1, "unit": "h"}
    lab.rule(alert_suppression={"group_by": ["host.name"], "duration": duration})
    lab.run()
    close = {"signal_ids": [lab.alerts()[0]["_id"]], "status": "closed"}
    path = "/api/detection_engine/signals/status"
    assert ask(lab.simulator, "POST", path, close).status == 200
    lab.put({"2": event(-10, "a")})
    assert lab.run(after=60)["created"] == 1


@pytest.mark.parametrize(("strategy", "created"), [("suppress", 2), ("doNotSuppress", 3)])
def test_events_without_the_field_are_one_group_or_stand_for_themselves(
    lab: Lab, strategy: str, created: int
) -> None:
    without = {key: value for key, value in event(60).items() if key != "host"}
    lab.put({"1": event(90, "a"), "2": without, "3": without})
    lab.rule(alert_suppression={"group_by": ["host.name"], "missing_fields_strategy": strategy})
    assert lab.run()["created"] == created


def test_a_basic_licence_takes_the_rule_and_suppresses_nothing(
    elasticsearch_url: str, fresh_prefix: str
) -> None:
    with over(elasticsearch_url) as simulator:
        lab = laboratory(simulator, fresh_prefix)
        lab.put({"1": event(90, "a"), "2": event(80, "a")})
        rule = lab.rule(alert_suppression={"group_by": ["host.name"]})
        assert rule["alert_suppression"] == {"group_by": ["host.name"]}
        assert lab.run()["created"] == 2
        assert lab.simulator.clock.now() == NOW
