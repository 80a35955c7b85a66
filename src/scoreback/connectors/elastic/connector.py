"""One connection to Elasticsearch: all its doors over one client."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from scoreback.connectors.doors import (
    AlertsDoor,
    Facts,
    IntakeDoor,
    LabelsDoor,
    ResourcesDoor,
    RulesDoor,
)
from scoreback.connectors.doors.keys import Admin, KeyNeeds, KeyRequest
from scoreback.connectors.elastic import keys
from scoreback.connectors.elastic.deploying.checks import check
from scoreback.connectors.elastic.deploying.door import Resources
from scoreback.connectors.elastic.kibana.checks import kibana_findings
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.dashboards.door import Dashboards
from scoreback.connectors.elastic.kibana.doors import KibanaDoors
from scoreback.connectors.elastic.kibana.key_checks import key_findings
from scoreback.connectors.elastic.kibana.labels.checks import verdict_findings
from scoreback.connectors.elastic.kibana.labels.meanings import Meanings
from scoreback.connectors.elastic.kibana.rules.mark import Marks
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.native.door import Native
from scoreback.connectors.elastic.reading.events import Events
from scoreback.connectors.elastic.rule_engine.alerting import RuleEngine
from scoreback.connectors.elastic.rule_engine.alerts import Alerts
from scoreback.connectors.elastic.rule_engine.rules import Rules
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.sample import Samples
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.settings_index import SettingsIndex
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.writing.enrich import Enrichments
from scoreback.connectors.elastic.writing.health import Health
from scoreback.connectors.elastic.writing.scores import Scores
from scoreback.records import EventQuery, Finding


class ElasticConnector:
    """A connection to an Elasticsearch cluster; safe to use from several threads."""

    exports = None

    def __init__(
        self, name: str, given: ElasticSettings, client: Client, kibana: Kibana | None = None
    ) -> None:
        """Connect as *name* through *client*, with the *given* settings.

        With *kibana*, rules, alerts and verdicts are those of Elastic Security.
        """
        self.name, self.given, self.client, self.kibana = name, given, client, kibana
        self.facts = Facts(settle=given.settle)
        names = Names(given.namespace)
        self.events = Events(client, given)
        self.scores = Scores(client, names)
        self.enrichment = Enrichments(client, names)
        # Without Kibana, Scoreback keeps rules, alerts and verdicts in its own indices.
        verdicts = Verdicts(client, names)
        self.labels: LabelsDoor = verdicts
        self.alerts: AlertsDoor = Alerts(client, names, verdicts)
        own = Rules(client, names)
        self.rules: RulesDoor = own
        self.rule_engine: RuleEngine | None = RuleEngine(client, names, own)
        self.resources: ResourcesDoor = Resources(client, given)
        if kibana is not None:
            doors = KibanaDoors(kibana, client, given, verdicts, self.resources)
            self.rules, self.rule_engine = doors.rules, None
            self.labels, self.alerts = doors.labels, doors.alerts
            self.resources = doors.resources
        self.health = Health(client, names, for_rules=kibana is not None)
        self.settings = SettingsIndex(client, names, writable=given.keep_settings)
        self.intake: IntakeDoor = Samples(client, given, verdicts)
        self.native = Native(client, given) if given.native else None

    @classmethod
    def default_settings(cls, home: Path) -> Mapping[str, object] | None:  # noqa: ARG003 - none
        """None: the user has to say where the cluster is."""
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
        typed = ElasticSettings.of(name, settings)
        client = Client(name, typed, sleep=sleep)
        try:
            client.open()
            # Kibana gets no request here, because reading and scoring do not need it.
            kibana = Kibana(name, typed, sleep=sleep) if typed.kibana else None
        except BaseException:
            client.close()
            raise
        return cls(name, typed, client, kibana)

    @classmethod
    def key_requests(
        cls,
        name: str,
        settings: Mapping[str, object],
        needs: Sequence[KeyNeeds],
        *,
        version: str | None = None,
        expires: str | None = None,
        admin: Admin | None = None,
    ) -> Sequence[KeyRequest]:
        """The API keys of a connection, each with the least permissions that suffice."""
        return keys.key_requests(
            name, settings, needs, version=version, expires=expires, admin=admin
        )

    @classmethod
    def make_key(
        cls, name: str, settings: Mapping[str, object], request: KeyRequest, admin: Admin
    ) -> str:
        """Create the key of *request* as *admin*; returns its encoded form."""
        return keys.make_key(name, settings, request, admin)

    def check(self, query: EventQuery) -> Sequence[Finding]:
        """Findings about reading *query* and writing its scores, each with its fix."""
        found = list(check(self.client, self.given, query))
        if self.kibana is not None:
            names = Names(self.given.namespace)
            marks = Marks(self.client, names, self.kibana.space)
            dashboards = Dashboards(self.kibana, self.client, names.kibana)
            found += kibana_findings(self.kibana, names, marks, dashboards)
            found += key_findings(self.name, self.kibana, self.client, self.given)
            meanings = Meanings(self.given.verdicts)
            found += verdict_findings(self.client, self.given.space, meanings)
        return found

    def close_connection(self) -> None:
        """Close all sockets."""
        self.client.close()
        if self.kibana is not None:
            self.kibana.close()
