"""The embedded SIEM as one connector: every door over one folder."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Self

from scoreback.connectors.base import Capabilities, Slice
from scoreback.connectors.local.checks import check
from scoreback.connectors.local.health import histograms, write_histogram
from scoreback.connectors.local.loading.intake import add_events
from scoreback.connectors.local.reader import Reader, fields_of
from scoreback.connectors.local.rule_engine.alerting import evaluate
from scoreback.connectors.local.rule_engine.alerts import Alerts
from scoreback.connectors.local.rule_engine.rules import Rules
from scoreback.connectors.local.rule_engine.verdicts import add_verdicts, labels
from scoreback.connectors.local.scores import existing_scores, write_scores
from scoreback.connectors.local.storage.store import Store, folder_of
from scoreback.errors import SiemRefused
from scoreback.records import (
    Enrichment,
    EventBatch,
    EventQuery,
    Finding,
    Histogram,
    LabelBatch,
    LabelQuery,
    ScoreBatch,
    TimeWindow,
    WriteReport,
)


class LocalConnector(Rules, Alerts):
    """A connection to the embedded SIEM in one folder; any number of processes may have one."""

    capabilities = Capabilities(
        acknowledges_writes=True,
        closing_reasons=True,
        enrichments=frozenset(),  # its view `events_enriched` shows every stored score
        native_scoring=False,
        raises_alerts=True,
    )

    def __init__(self, name: str, store: Store) -> None:
        """Connect as *name* to *store*."""
        self.name = name
        self.store = store
        Rules.__init__(self, store)
        Alerts.__init__(self, store)
        self._reader = Reader(store)

    @classmethod
    def open(cls, name: str, settings: Mapping[str, object]) -> Self:
        """Open the folder that setting ``path`` names; it is made when it is not there."""
        return cls(name, Store(folder_of(settings)))

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices of about as many events."""
        return self._reader.slices(query, window, parts)

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Names of the fields that events of *selection* have, sorted."""
        return tuple(sorted(fields_of(self._reader.selected(selection))))

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (window clock, event_id)."""
        return self._reader.read(piece)

    def labels(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts that *query* asks for, in order of label time."""
        return labels(self.store, query)

    def write(self, scores: ScoreBatch) -> WriteReport:
        """Store *scores*, each id once, and raise the alerts of the new ones."""
        return write_scores(self.store, scores)

    def existing(self, score_ids: Iterable[str]) -> set[str]:
        """Those of *score_ids* that are stored."""
        return existing_scores(self.store, score_ids)

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Refused: the view `events_enriched` shows every stored score beside its event."""
        raise SiemRefused(
            f"the embedded SIEM has no enrichment {how.value!r} for {scores.num_rows} scores",
            hint="its view events_enriched shows stored scores beside their events",
        )

    def evaluate(self) -> int:
        """Let the alert rules look at scores that a crash kept from them; alerts opened."""
        return evaluate(self.store)

    def write_histogram(self, histogram: Histogram) -> None:
        """Store *histogram*; the same id replaces."""
        write_histogram(self.store, histogram)

    def histograms(self, detector: str, since: datetime | None = None) -> list[Histogram]:
        """The detector's histograms, by slice."""
        return histograms(self.store, detector, since)

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        """Add *events* to *stream*, each id once."""
        return add_events(self.store, stream, events)

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere, each once."""
        return add_verdicts(self.store, batch)

    def check(self, query: EventQuery) -> Sequence[Finding]:
        """What is missing for *query* to be read and its scores written, each with the fix."""
        return check(self.store, query)

    def close_connection(self) -> None:
        """Nothing stays open between calls."""
