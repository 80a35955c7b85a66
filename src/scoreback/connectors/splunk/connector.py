"""One connection to Splunk: all its doors over one client."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from scoreback.connectors.doors import Facts
from scoreback.connectors.splunk.deploying.checks import check
from scoreback.connectors.splunk.deploying.door import Resources
from scoreback.connectors.splunk.labels.alerts import Alerts
from scoreback.connectors.splunk.labels.door import Labels
from scoreback.connectors.splunk.labels.enterprise import EnterpriseSecurity
from scoreback.connectors.splunk.labels.entities import entity_in
from scoreback.connectors.splunk.labels.pages import ScorePages
from scoreback.connectors.splunk.labels.verdicts import Verdicts
from scoreback.connectors.splunk.native.door import Native
from scoreback.connectors.splunk.reading.events import Events
from scoreback.connectors.splunk.rules.door import Rules
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.settings_pages import SettingsPages
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.hec import Hec
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.connectors.splunk.writing.enrichment import Enrichments
from scoreback.connectors.splunk.writing.health import Health
from scoreback.connectors.splunk.writing.scores import Scores
from scoreback.records import EventQuery, Finding


class SplunkConnector:
    """A connection to a search head of Splunk; safe to use from several threads."""

    # Splunk runs rules itself and gets its events by its own means.
    rule_engine = None
    intake = None
    exports = None

    def __init__(self, name: str, given: SplunkSettings, client: Client) -> None:
        """Connect as *name* through *client*, with the *given* settings."""
        self.name, self.given, self.client = name, given, client
        self.facts = Facts(
            settle=given.settle, acknowledged=given.acknowledge, visible_after=given.settle
        )
        self.hec = Hec(client)
        self.events = Events(client, given)
        self.scores = Scores(client, self.hec)
        self.enrichment = Enrichments(KvStore(client), given)
        self.health = Health(client, self.hec)
        security, kv = EnterpriseSecurity(client), KvStore(client)
        verdicts = Verdicts(kv)
        self.rules = Rules(client, security.is_there)
        self.labels = Labels(verdicts, security.findings, entity_in)
        pages = None if given.web_url is None else ScorePages(given.web_url, given.index)
        self.alerts = Alerts(client, kv, verdicts, security.findings, pages)
        self.settings = SettingsPages(client)
        self.resources = Resources(client)
        self.native = Native(client)

    @classmethod
    def default_settings(cls, home: Path) -> Mapping[str, object] | None:  # noqa: ARG003 - none
        """None: the user has to say where Splunk is."""
        return None

    @classmethod
    def open(
        cls,
        name: str,
        settings: Mapping[str, object],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """Open the connection of *settings* and check who answers; *sleep* is used to wait."""
        typed = SplunkSettings.of(name, settings)
        client = Client(name, typed, sleep=sleep)
        try:
            client.open()
        except BaseException:
            client.close()
            raise
        return cls(name, typed, client)

    def check(self, query: EventQuery) -> Sequence[Finding]:
        """Findings about reading *query* and writing its scores, each with its fix."""
        return check(
            self.client, self.hec, self.events, self.given, query, resources=self.resources
        )

    def close_connection(self) -> None:
        """Close all sockets."""
        self.hec.close()
        self.client.close()
