"""What an admin sets in the SIEM itself reaches its rules: pause, audits, what is explored.

On the embedded rule engine over a real node, and on the simulators of Kibana and of splunkd.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.splunk import SplunkConnector
from scoreback.connectors.splunk.settings_pages import FILE, KEYS
from scoreback.deployment import AlertRule
from scoreback.records import audit_rule_name, explore_rule_name
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Work
from scoreback.service.serving.kinds.settings_pages import SETTINGS
from scoreback.service.state.audit import audit_log
from tests.integration.alike import TRAINED
from tests.integration.closed_loop import NAME, Loop
from tests.integration.test_closed_loop import loop
from tests.integration.test_elastic_settings import Index

__all__ = ["loop"]

MINUTE = timedelta(minutes=1)


class Page(Protocol):
    """Where a SIEM's admins set what counts."""

    def set(self, key: str, value: str, at: datetime) -> None:
        """Have *key* be *value*, by an admin called lead; empty: as the file has it."""


class InTheIndex:
    """Documents of Elastic's index of settings, as an admin writes them in Dev Tools."""

    def __init__(self, connector: ElasticConnector) -> None:
        self._index = Index(connector)

    def set(self, key: str, value: str, at: datetime) -> None:  # noqa: ARG002 - seen when read
        name = f"{NAME}:{key}"
        if not value:
            self._index.delete(name)
        elif name in self._index.documents():
            self._index.edit(name, value=value, author="lead")
        else:
            self._index.put(name, detector=NAME, key=key, value=value, author="lead")


class OnTheAppsPage:
    """The stanza of the detector as the handler behind the page of Splunk's app writes it."""

    def __init__(self, connector: SplunkConnector) -> None:
        self._client = connector.client
        self._history: list[dict[str, str]] = []

    def set(self, key: str, value: str, at: datetime) -> None:
        (field,) = [mine for mine, theirs in KEYS.items() if theirs == key]
        told = at.isoformat(timespec="microseconds")
        self._history.append(
            {"at": told, "by": "lead", "key": field, "value": value, "reason": "a busy week"}
        )
        values = {one["key"]: one["value"] for one in self._history}
        form: dict[str, Any] = {**values, "history": json.dumps(self._history)}
        path = self._client.own(f"configs/conf-{FILE}")
        made = self._client.call("POST", path, form={"name": NAME, **form}, absent=(409,))
        if made is None:
            self._client.call("POST", f"{path}/{NAME}", form=form)


class Minutes:
    """What `serve` does every minute, and how the SIEM's rules stand after it."""

    def __init__(self, loop: Loop) -> None:
        self._loop, self.now, self.warned = loop, TRAINED + MINUTE, list[str]()

    def run(self) -> None:
        self.now += MINUTE
        work = Work(
            app=self._loop.app,
            now=self.now,
            pause=lambda _: None,
            warn=lambda _about, _names, text: self.warned.append(text),
            clear=lambda _about, _name: None,
            apart=None,
            left=lambda _: None,
        )
        served = Served(Path(f"{NAME}.yml"), self._loop.detector)
        assert SETTINGS.run(work, [served]) == {NAME: None}

    def rules(self) -> Iterator[AlertRule]:
        """The detector's own rule, that of audits, and that of what is explored."""
        door = self._loop.app.connector.rules
        assert door is not None
        for name in (NAME, audit_rule_name(NAME), explore_rule_name(NAME)):
            rule = door.current(name)
            assert rule is not None, name
            yield rule


def page_of(loop: Loop) -> Page:
    connector = loop.app.connector
    if isinstance(connector, SplunkConnector):
        return OnTheAppsPage(connector)
    assert isinstance(connector, ElasticConnector)
    return InTheIndex(connector)


def test_a_pause_audits_and_what_is_explored_are_set_where_admins_are(loop: Loop) -> None:
    page, minutes = page_of(loop), Minutes(loop)

    # Samples first: how many audits a day, and what part of the budget a shadow's own alerts get.
    page.set("alerts.audit", "7/day", minutes.now)
    page.set("gate.explore", "30%", minutes.now)
    minutes.run()
    live, audits, explored = minutes.rules()
    assert audits.budget == 7
    assert explored.budget == pytest.approx(0.3 * live.budget)
    assert not any(one.paused for one in (live, audits, explored))

    page.set("enabled", "false", minutes.now)
    minutes.run()
    assert [one.paused for one in minutes.rules()] == [True, True, True]

    for key in ("enabled", "alerts.audit"):
        page.set(key, "", minutes.now)
    minutes.run()
    live, audits, explored = minutes.rules()
    assert not any(one.paused for one in (live, audits, explored))
    assert audits.budget == loop.detector.alerts.audit
    assert explored.budget == pytest.approx(0.3 * live.budget)

    assert minutes.warned == []
    log = [one for one in audit_log(loop.app.state, NAME) if one.action.endswith("override")]
    told = [(one.detail["key"], one.detail["value"]) for one in reversed(log)]
    assert sorted(told[:2]) == [("alerts.audit", "7/day"), ("gate.explore", "30%")]
    assert told[2] == ("enabled", "false")
    assert sorted(told[3:]) == [("alerts.audit", None), ("enabled", None)]
    assert {one.actor for one in log if one.action == "override"} == {"lead"}
