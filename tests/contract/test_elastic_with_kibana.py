"""The contract of rules, alerts and labels where Elasticsearch has Kibana, over the simulator."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scoreback.connectors.contract import CHECKS, Subject, alert_checks, label_checks
from scoreback.connectors.contract.data import START
from tests.elasticsearch import connection
from tests.kibana.connection import joined
from tests.kibana.fixtures import over
from tests.kibana.runner.scheduling import run_until

pytestmark = pytest.mark.server
ROOMS = (alert_checks.__name__, label_checks.__name__)
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
            found, settle=settle, now=lambda: datetime.fromtimestamp(kibana.clock.now(), UTC)
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
