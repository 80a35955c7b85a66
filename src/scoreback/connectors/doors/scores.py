"""The door to scores: written, read back once each, and counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from scoreback.records import Histogram, ScoreBatch, TimeWindow, WriteReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreQuery:
    """Which scores: those of a detector whose events lie in *window*, by event time."""

    detector: str
    window: TimeWindow
    version: str | None = None
    stage: str | None = None


@runtime_checkable
class ScoresDoor(Protocol):
    """Keeps scores and their counts.

    What is promised is what a reader sees once ``facts.visible_after`` has passed since a write:
    each score once, whatever was written how often. A SIEM may store a repeated id again, as long
    as no reader of this door, and no rule, takes it for two.
    """

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        """Store *scores*; *at* is stamped on each as the time when the SIEM got it.

        Alert rules read scores by that time, never by when they were made, so that a batch which is
        sent late is still looked at. Where the SIEM stamps arrivals itself, its time counts.

        Of what the report counts, ``written`` and ``already_there`` are what the SIEM said; one
        that does not tell them apart counts all as written. Refused items are reported, none is
        dropped in silence. Where ``facts.acknowledged``, what was written survives a crash.

        A score may be of a unit of several events: its ``event_id`` is then that of no event, and
        its ``event_ref`` names the events (`scoreback.naming.members_of`). It is stored like any
        other, once.

        Raises:
            SiemUnavailable: some scores may be stored, some not: the batch is in doubt.
            SiemRefused: none of them can be stored, as a right or a template is missing.
        """
        ...

    def existing(self, scores: ScoreBatch) -> set[str]:
        """The ids of those of *scores* that a reader sees now: how a batch in doubt is resolved.

        It is given the whole scores, as a SIEM may need their times to find them.

        Raises:
            SiemUnavailable: what is stored cannot be said.
        """
        ...

    def read(self, query: ScoreQuery) -> Iterator[ScoreBatch]:
        """Yield the stored scores of *query*, each id once, in order of (event_time, score_id).

        Batches are bounded. Event fields that were copied are left out.

        Raises:
            SiemUnavailable: the SIEM did not answer; what was yielded stands.
        """
        ...

    def write_histograms(self, histograms: Sequence[Histogram], *, at: datetime) -> None:
        """Store *histograms*; the same ``histogram_id`` again is still counted once by a reader."""
        ...

    def histograms(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        """Yield the histograms of slices that begin in *window*, each id once, by slice."""
        ...
