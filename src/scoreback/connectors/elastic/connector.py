"""Elasticsearch as one connector: every door over one client."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Self

from scoreback.connectors.base import Capabilities, Slice
from scoreback.connectors.elastic.deploying import deployer
from scoreback.connectors.elastic.deploying.checks import check
from scoreback.connectors.elastic.deploying.resources import resources
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.reading.reader import Reader
from scoreback.connectors.elastic.rule_engine.alerting import Alerting
from scoreback.connectors.elastic.rule_engine.alerts import Alerts
from scoreback.connectors.elastic.rule_engine.rules import Rules
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.sample import SampleEvents
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.writing.enrich import Enrich
from scoreback.connectors.elastic.writing.health import Health
from scoreback.connectors.elastic.writing.scores import Scores
from scoreback.deployment import AlertRule, Found, Resource
from scoreback.records import (
    Alert,
    Enrichment,
    EventBatch,
    EventQuery,
    Finding,
    Histogram,
    LabelBatch,
    LabelQuery,
    ScoreBatch,
    TimeWindow,
    Verdict,
    WriteReport,
)


class ElasticConnector:
    """A connection to an Elasticsearch cluster; safe to use from several threads."""

    def __init__(self, name: str, settings: ElasticSettings, client: Client) -> None:
        """Connect as *name* through *client*."""
        self.name = name
        self.settings = settings
        self.capabilities = Capabilities(
            acknowledges_writes=True,
            closing_reasons=True,
            enrichments=frozenset({Enrichment.EVENT, Enrichment.ENTITY, Enrichment.IN_PLACE}),
            native_scoring=False,
            raises_alerts=True,
            settle=settings.settle,
        )
        self.client = client
        names = Names(settings.namespace)
        self._reader = Reader(client, settings)
        self._rules = Rules(client, names)
        self._verdicts = Verdicts(client, names)
        self._alerts = Alerts(client, names, self._verdicts)
        self._scores = Scores(client, names, Alerting(client, names, self._rules))
        self._health = Health(client, names)
        self._enrich = Enrich(client, names)
        self._sample = SampleEvents(client, settings)

    @classmethod
    def open(
        cls,
        name: str,
        settings: Mapping[str, object],
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """Open the connection that *settings* describe, and ask who answers; *sleep* waits."""
        typed = ElasticSettings.of(name, settings)
        client = Client(name, typed, sleep=sleep)
        try:
            client.open()
        except BaseException:
            client.close()
            raise
        return cls(name, typed, client)

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices of about as many events."""
        return self._reader.slices(query, window, parts)

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Names of the fields that events of *selection* have, sorted."""
        return self._reader.fields(selection)

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (window clock, event_id)."""
        return self._reader.read(piece)

    def labels(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts that *query* asks for, in order of label time."""
        return self._verdicts.labels(query)

    def write(self, scores: ScoreBatch) -> WriteReport:
        """Store *scores*, each id once, and raise the alerts of the new ones."""
        return self._scores.write(scores)

    def existing(self, score_ids: Iterable[str]) -> set[str]:
        """Those of *score_ids* that are stored."""
        return self._scores.existing(score_ids)

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Put *scores* into a lookup index, or onto their events."""
        return self._enrich.enrich(scores, how)

    def write_histogram(self, histogram: Histogram) -> None:
        """Store *histogram*; the same id changes nothing."""
        self._health.write_histogram(histogram)

    def alerts(
        self,
        *,
        detector: str | None = None,
        still_open: bool = False,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Alert]:
        """Alerts by time of their opening event, oldest first."""
        return self._alerts.alerts(
            detector=detector, still_open=still_open, since=since, limit=limit
        )

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; closing it again alike changes nothing."""
        return self._alerts.close(alert_id, verdict, labeller=labeller, at=at)

    def reopen(self, alert_id: str, at: datetime) -> Alert:
        """Open the alert again: the verdicts that stand on it are withdrawn."""
        return self._alerts.reopen(alert_id, at)

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name* as the cluster has it now, or None."""
        return self._rules.current(name)

    def resources(self) -> Sequence[Resource]:
        """Templates and indices, in the order of making."""
        return resources(self.settings)

    def standing(self, wanted: AlertRule | Resource) -> Found:
        """How *wanted* stands in the cluster now."""
        if isinstance(wanted, AlertRule):
            return self._rules.standing(wanted)
        return deployer.standing(self.client, wanted)

    def apply(self, wanted: AlertRule | Resource) -> None:
        """Create or replace a rule or a resource."""
        if isinstance(wanted, AlertRule):
            self._rules.apply(wanted)
        else:
            deployer.apply(self.client, wanted)

    def remove(self, what: str | Resource) -> None:
        """Remove the rule called so, or a resource."""
        if isinstance(what, str):
            self._rules.remove(what)
        else:
            deployer.remove(self.client, what)

    def check(self, query: EventQuery) -> Sequence[Finding]:
        """What is missing for *query* to be read and its scores written, each with the fix."""
        return check(self.client, self.settings, query)

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        """Add sample *events* to sample stream *stream*, each id once."""
        return self._sample.add(stream, events)

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere, each once."""
        return self._verdicts.add(batch)

    def close_connection(self) -> None:
        """Let go of sockets."""
        self.client.close()
