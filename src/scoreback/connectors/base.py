"""The doors: what every connector promises, and what it can do.

The docstrings are the contract; `scoreback.connectors.contract` asks it of every connector. A
SIEM's own exceptions never leave its folder: they become `SiemUnavailable` (retry) or
`SiemRefused` (don't).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, Self, runtime_checkable

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

BATCH_ROWS = 20_000  # rows in one EventBatch at most: enough for vector work, small in memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a SIEM can do, as data; code asks these and never the connector's name."""

    acknowledges_writes: bool  # a write that returned is stored and can be read back
    closing_reasons: bool  # analysts' verdicts come with a reason
    enrichments: frozenset[Enrichment]  # where scores can be put beside their history
    native_scoring: bool  # a model can run inside the SIEM
    raises_alerts: bool  # applied alert rules raise alerts without our help
    # How long after its arrival time an event may still turn up; the workspace can say otherwise.
    settle: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a query that can be read apart, on any machine; picklable."""

    query: EventQuery
    window: TimeWindow
    part: int = 0
    parts: int = 1


@runtime_checkable
class EventReader(Protocol):
    """Reads events of a selection."""

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices that together give every event once.

        Slices are cut by the window's clock and come in its order.

        Raises:
            SiemRefused: the selection is not understood, or names what does not exist.
        """
        ...

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Names of the fields that events of *selection* have, sorted; none without events.

        Raises:
            SiemRefused: the SIEM does not understand the selection.
        """
        ...

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (window clock, event_id), each id once.

        Each batch has at most `BATCH_ROWS` rows and exactly the query's fields, as text or, of
        those in ``query.numbers``, as float64 where every value is a number; a field that an event
        lacks is null. ``event_time`` is never after ``arrival_time``. Reading again gives the same
        events; what arrives later has a later arrival time.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was yielded stands.
            SiemRefused: the query was refused, or a field exists in no event of the selection.
        """
        ...


@runtime_checkable
class LabelReader(Protocol):
    """Reads analysts' verdicts."""

    def labels(self, query: LabelQuery) -> Iterator[LabelBatch]:
        """Yield the verdicts that *query* asks for, in order of label time.

        A label names the event that was judged or, where a finding names none, an entity by the
        value of ``query.entity`` with ``[since, until)``. Each batch has at most `BATCH_ROWS` rows.

        Another verdict on an alert is a new label with a later time; the same closing told again
        while it stands is no label. A verdict that was taken back, as by reopening its alert, is
        told as it was given, and once more as a row that differs in ``label_time`` and
        ``withdrawn`` alone: when it was taken back. Our own closings are told like any other.

        A verdict that the SIEM has forgotten is told no more; one that it was told of late comes
        with the time that it names, so a later call may give more of the same time.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was yielded stands.
            SiemRefused: the SIEM refused.
        """
        ...


@runtime_checkable
class ScoreWriter(Protocol):
    """Writes scores so that writing them again changes nothing."""

    def write(self, scores: ScoreBatch) -> WriteReport:
        """Store *scores*; those whose ``score_id`` is stored already are counted, not stored again.

        When it returns, what it counts as written survives a crash. Refused items are reported,
        none is dropped in silence.

        A score may be of a unit of several events: its ``event_id`` is then that of no event, and
        its ``event_ref`` names the events (`scoreback.naming.members_of`). It is stored like any
        other, once; enrichment writes it onto each event named, each by the ref and id that this
        door's reader gave it.
        """
        ...

    def existing(self, score_ids: Iterable[str]) -> set[str]:
        """Those of *score_ids* that are stored: how a batch in doubt is settled."""
        ...


@runtime_checkable
class Enricher(Protocol):
    """Puts scores where searches of events find them."""

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Put *scores* where *how* says; doing it again changes nothing.

        Onto events (`Enrichment.IN_PLACE`), *scores* carry beside their own columns what the events
        had when they were read: ``scoreback.detectors.NAME.score`` and ``.version`` of their
        detector. A score that an event has already is counted, and nothing is sent for it. An older
        score never replaces a newer one in a lookup.

        Raises:
            SiemRefused: *how* is none of the connector's ``capabilities.enrichments``.
        """
        ...


@runtime_checkable
class HealthWriter(Protocol):
    """Writes how a detector is doing."""

    def write_histogram(self, histogram: Histogram) -> None:
        """Store *histogram*; the same ``histogram_id`` replaces, so repeats change nothing."""
        ...


@runtime_checkable
class AlertActions(Protocol):
    """Lists, closes and reopens alerts, as an analyst does."""

    def alerts(
        self,
        *,
        detector: str | None = None,
        still_open: bool = False,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Alert]:
        """Alerts by time of their opening event, oldest first, *since* on that clock."""
        ...

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; its ``closed_at`` is the time of the label.

        Closing it again as the same labeller with the same verdict changes nothing while that
        stands; any other closing is a new verdict, with a later time than the last.

        Raises:
            SiemRefused: no such alert.
        """
        ...

    def reopen(self, alert_id: str, at: datetime) -> Alert:
        """Open the alert again: the verdicts that stand are withdrawn, later than they were given.

        Opening an open alert changes nothing.

        Raises:
            SiemRefused: no such alert.
        """
        ...


@runtime_checkable
class Deployer(Protocol):
    """Keeps alert rules, and what the connection itself needs, in the SIEM as we want them.

    Whatever is applied carries a mark: that it is ours, and a digest of what was written. So a
    change by somebody's hand is told from an earlier version of our own.
    """

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name* as the SIEM has it now, or None."""
        ...

    def resources(self) -> Sequence[Resource]:
        """What this connection needs beside rules, in the order of making; none where none."""
        ...

    def standing(self, wanted: AlertRule | Resource) -> Found:
        """How *wanted* stands in the SIEM now; changes nothing."""
        ...

    def apply(self, wanted: AlertRule | Resource) -> None:
        """Create or replace it, whoever changed it; applying it twice changes nothing.

        What belongs to the user (whether a rule is enabled) is kept. Data is never lost.

        Raises:
            SiemRefused: a right is missing, or what is there cannot become what is wanted.
        """
        ...

    def remove(self, what: str | Resource) -> None:
        """Remove the rule called so, or a resource; alerts that a rule raised stay.

        Removing what is not there is no error. A resource that ``holds_data`` loses it.
        """
        ...


@runtime_checkable
class Connector(
    EventReader,
    LabelReader,
    ScoreWriter,
    Enricher,
    HealthWriter,
    AlertActions,
    Deployer,
    Protocol,
):
    """All the doors of one SIEM connection."""

    name: str  # of the connection; part of every score_id
    capabilities: Capabilities

    @classmethod
    def open(cls, name: str, settings: Mapping[str, object]) -> Self:
        """Open the connection called *name*.

        Raises:
            ConfigError: a setting is missing, unknown or of the wrong type.
            SiemUnavailable: the SIEM cannot be reached.
        """
        ...

    def check(self, query: EventQuery) -> Sequence[Finding]:
        """What is missing for *query* to be read and its scores written, each with the fix."""
        ...

    def close_connection(self) -> None:
        """Let go of files and sockets; safe to call twice."""
        ...
