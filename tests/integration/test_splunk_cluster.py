"""A cluster of three search heads, as the simulator of splunkd has it.

What is saved on one member arrives at the others a little later; another may become captain.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scoreback.connectors.doors import AlertQuery
from scoreback.connectors.splunk.connector import SplunkConnector
from scoreback.connectors.splunk.settings_pages import FILE
from scoreback.deployment import Standing
from scoreback.records import LabelQuery, Verdict
from tests.integration.splunk_things import NOW, rule, scores
from tests.splunkd.connection import APP, connected
from tests.splunkd.serving import running
from tests.splunkd.simulator import Options, Simulator

RULE = rule()
HOUR, ROUND, DELAY = timedelta(hours=1), 300.0, 5.0


@pytest.fixture
def splunk() -> Iterator[Simulator]:
    options = Options(
        apps=(APP,), now=NOW.timestamp(), search_head_cluster=True, replication_delay=DELAY
    )
    with running(options) as simulator:
        yield simulator


@pytest.fixture
def members(splunk: Simulator) -> Iterator[list[SplunkConnector]]:
    """A connection to each member, under one name: whoever answers behind a load balancer."""
    with ExitStack() as held:
        yield [
            held.enter_context(connected(splunk, "splunk", url=member.url))
            for member in splunk.members
        ]


def later(splunk: Simulator) -> None:
    splunk.clock.advance(DELAY)


def test_a_rule_that_is_applied_on_one_member_stands_on_the_others_a_little_later(
    splunk: Simulator, members: list[SplunkConnector]
) -> None:
    one, other, third = members
    one.rules.apply(RULE)
    assert other.rules.standing(RULE).standing is Standing.ABSENT
    later(splunk)
    for member in (other, third):
        assert member.rules.standing(RULE).standing is Standing.CURRENT
    third.rules.apply(replace(RULE, budget=5.0))
    later(splunk)
    assert one.rules.current(RULE.name) == replace(RULE, budget=5.0)


def test_two_members_that_make_one_rule_before_they_hear_of_each_other_end_with_one(
    splunk: Simulator, members: list[SplunkConnector]
) -> None:
    for member in members:
        member.rules.apply(RULE)
    later(splunk)
    assert {m.rules.standing(RULE).standing for m in members} == {Standing.CURRENT}


def test_a_setting_that_is_saved_on_one_member_is_read_on_another(
    splunk: Simulator, members: list[SplunkConnector]
) -> None:
    history = [{"at": NOW.isoformat(timespec="microseconds"), "by": "ada", "key": "alerts_budget",
                "value": "9/day", "reason": ""}]  # fmt: skip
    form = {"name": "exfil-dns", "alerts_budget": "9/day", "history": json.dumps(history)}
    client = members[0].client
    client.call("POST", client.own(f"configs/conf-{FILE}"), form=form)
    later(splunk)
    (override,) = members[2].settings.overrides(datetime(1970, 1, 1, tzinfo=UTC))
    assert (override.key, override.value, override.author) == ("alerts.budget", "9/day", "ada")


def test_an_alert_is_raised_once_though_the_captain_changes(
    splunk: Simulator, members: list[SplunkConnector]
) -> None:
    members[0].rules.apply(RULE)
    later(splunk)
    events = [(f"e{n}", NOW - HOUR, f"10.0.0.{n}") for n in range(3)]
    for number, event in enumerate(events):
        members[number].scores.write(scores([event]), at=NOW)
        splunk.cluster.elect(number)
        splunk.run_until(splunk.clock.now() + 2 * ROUND)
    later(splunk)
    for member in members:
        found = [alert.event_id for alert in member.alerts.find()]
        assert sorted(found) == ["e0", "e1", "e2"]


def test_a_verdict_on_one_member_is_a_label_on_the_others(
    splunk: Simulator, members: list[SplunkConnector]
) -> None:
    members[0].rules.apply(RULE)
    later(splunk)
    members[0].scores.write(scores([("e1", NOW - HOUR, "10.0.0.1")]), at=NOW)
    splunk.run_until(splunk.clock.now() + 2 * ROUND)
    later(splunk)
    (alert,) = members[1].alerts.find()
    members[1].alerts.close(alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ada", at=NOW)
    later(splunk)
    assert not list(members[2].alerts.find(AlertQuery(still_open=True)))
    query = LabelQuery(detector="exfil-dns", entity="source.ip", since=NOW - HOUR)
    rows = [row for b in members[2].labels.read(query) for row in b.batch.to_pylist()]
    assert [(row["verdict"], row["labeller"]) for row in rows] == [("true_positive", "ada")]
