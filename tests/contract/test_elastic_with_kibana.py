"""The contract of rules, alerts and labels where Elasticsearch has Kibana, over the simulator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scoreback.connectors.contract import CHECKS, Subject, alert_checks, label_checks, rule_checks
from scoreback.connectors.contract.data import START, UsersHand
from scoreback.connectors.elastic.kibana.rules.body import rule_id
from scoreback.connectors.elastic.kibana.rules.door import PATH
from scoreback.connectors.elastic.names import Names
from tests.elasticsearch import connection
from tests.kibana.asking import ask
from tests.kibana.connection import joined
from tests.kibana.fixtures import over
from tests.kibana.runner.scheduling import run_until
from tests.kibana.simulator import Simulator

pytestmark = pytest.mark.server
ROOMS = (alert_checks.__name__, label_checks.__name__, rule_checks.__name__)
ASKED = [check for check in CHECKS if check.__module__ in ROOMS]
ROUND = timedelta(minutes=5)  # in which each rule is due once


@contextmanager
def subject(url: str, version: str) -> Iterator[Subject]:
    """A connection to a simulator of *version* whose clock stands two days after the events."""
    now = (START + timedelta(days=2)).timestamp()
    with over(url, version=version, now=now) as kibana, joined(kibana) as connector:
        found = connection.subject(url, connector)

        def settle() -> None:
            found.settle()
            run_until(kibana, kibana.clock.now() + ROUND.total_seconds())
            connection.refresh(url, f"*{kibana.home}*,*{connector.given.namespace}*")

        yield replace(
            found,
            settle=settle,
            now=lambda: datetime.fromtimestamp(kibana.clock.now(), UTC),
            hand=hand(kibana, Names(connector.given.namespace)),
        )


def hand(kibana: Simulator, names: Names) -> UsersHand:
    """A user's in Kibana."""

    def there(name: str, method: str = "GET", **keys: object) -> dict[str, Any]:
        of = {"rule_id": rule_id(names, name)}
        answer = ask(kibana, method, PATH, {**of, **keys} if keys else None, params=of)
        assert answer.status == 200, answer.text
        found: dict[str, Any] = answer.json
        return found

    def switch_off(name: str) -> None:
        there(name, "PATCH", enabled=False)

    def edit(name: str) -> None:
        there(name, "PATCH", query="*")

    return UsersHand(
        switch_off=switch_off, is_on=lambda name: bool(there(name)["enabled"]), edit=edit
    )


# What is said by reasons from 9.2 on, and by tags before.
SAID = [
    label_checks.check_closing_an_alert_gives_a_label,
    label_checks.check_a_reopened_alert_tells_that_its_verdicts_are_withdrawn,
]
CASES = [
    *(pytest.param(check, "9.5", id=check.__name__) for check in ASKED),
    *(pytest.param(check, "8.19", id=f"{check.__name__}-8.19") for check in SAID),
]


@pytest.mark.parametrize(("check", "version"), CASES)
def test_elasticsearch_keeps_it_with_kibana(
    check: Callable[[Subject], None], version: str, elasticsearch_url: str
) -> None:
    with subject(elasticsearch_url, version) as found:
        assert found.connector.rule_engine is None  # Kibana raises alerts by itself
        check(found)
