"""The app's alert action and the service agree on what an alert is."""

import importlib.util
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoreback.deployment import AlertRule
from scoreback.naming import alert_id
from scoreback.records import TIME, Severity
from scoreback.suppression import DAY_US, OpenAlert, place
from tests.packaging.splunk_app import SOURCES

START = 19_800 * DAY_US  # a midnight


def _module() -> ModuleType:
    path = SOURCES / "bin" / "scoreback_placing.py"
    spec = importlib.util.spec_from_file_location("scoreback_placing", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["scoreback_placing"] = module
    spec.loader.exec_module(module)
    return module


PLACING = _module()
apps_place: Callable[..., tuple[list[str], list[int]]] = PLACING.place


def _rule(per_entity: int, throttle: int) -> AlertRule:
    return AlertRule(
        name="a rule", detector="d", version="v1", per_entity=per_entity,
        throttle=timedelta(microseconds=throttle), budget=20, severity=Severity.LOW,
    )  # fmt: skip


def _services_place(
    rule: AlertRule, hits: list[Any], before: list[Any]
) -> tuple[list[str], list[int]]:
    table = pa.table(
        {
            "score_id": pa.array([name for name, _, _ in hits], pa.string()),
            "event_time": pa.array([time for _, time, _ in hits], pa.int64()).cast(TIME),
            "entity": pa.array([entity for _, _, entity in hits], pa.string()),
        }
    )
    opened = [OpenAlert(alert_id=a, event_time=t, entity=e) for a, t, e in before]
    placed = place(rule, table, opened)
    return placed.alerts, placed.new


HOUR = 3_600_000_000
moments = st.integers(0, 60).map(lambda step: START + step * HOUR)
entities = st.sampled_from(["a", "b", None])
hits_of_days = st.lists(st.tuples(moments, entities), max_size=30).map(
    lambda drawn: sorted(
        ((f"s{n:02}", time, entity) for n, (time, entity) in enumerate(drawn)),
        key=lambda hit: (hit[1], hit[0]),
    )
)
openings = st.lists(st.tuples(moments, entities), max_size=10).map(
    lambda drawn: sorted(
        ((f"o{n:02}", time, entity) for n, (time, entity) in enumerate(drawn)),
        key=lambda alert: alert[1],
    )
)


@given(
    hits=hits_of_days, before=openings, per_entity=st.integers(1, 4),
    throttle=st.sampled_from([0, 1, HOUR, 3 * HOUR, 30 * HOUR]),
)  # fmt: skip
def test_the_app_places_hits_as_the_service_does(
    hits: list[Any], before: list[Any], per_entity: int, throttle: int
) -> None:
    rule = _rule(per_entity, throttle)
    wanted = _services_place(rule, hits, before)
    assert apps_place(rule.name, hits, before, per_entity, throttle) == wanted


@given(
    hits=hits_of_days, before=openings, per_entity=st.integers(1, 4), cut=st.data(),
    throttle=st.sampled_from([0, HOUR, 3 * HOUR]),
)  # fmt: skip
def test_a_run_that_broke_off_goes_on_in_the_app_as_in_the_service(
    hits: list[Any], before: list[Any], per_entity: int, throttle: int, cut: st.DataObject
) -> None:
    rule = _rule(per_entity, throttle)
    alerts, new = apps_place(rule.name, hits, before, per_entity, throttle)
    written = cut.draw(st.integers(0, len(new)))
    there = [*before, *((alerts[n], hits[n][1], hits[n][2]) for n in new[:written])]
    there.sort(key=lambda alert: (alert[1], alert[0]))
    again = apps_place(rule.name, hits, there, per_entity, throttle)
    assert again == _services_place(rule, hits, there)
    assert again[0] == alerts
    assert again[1] == new[written:]


@given(rule=st.text(max_size=20), score=st.text(max_size=20))
def test_the_app_names_alerts_as_the_service_does(rule: str, score: str) -> None:
    assert PLACING.alert_id(rule, score) == alert_id(rule, score)


def test_an_entity_opens_no_more_alerts_a_day_than_its_cap() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    first = int(noon.timestamp()) * 1_000_000
    hits = [(f"s{n}", first + n * HOUR, "a") for n in range(5)]
    alerts, new = apps_place("r", hits, [], 2, 0)
    assert new == [0, 1]
    assert alerts[2:] == [alerts[1]] * 3


@pytest.mark.parametrize(("apart", "alerts"), [(HOUR - 1, 1), (HOUR, 2)])
def test_the_throttle_ends_as_soon_as_it_is_over(apart: int, alerts: int) -> None:
    hits = [("s1", START, "a"), ("s2", START + apart, "a")]
    assert len(apps_place("r", hits, [], 3, HOUR)[1]) == alerts
