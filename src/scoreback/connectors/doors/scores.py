"""The scores door: scores are written, read back once each, and counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from scoreback.records import Histogram, ScoreBatch, TimeWindow, WriteReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreQuery:
    """Which scores to read: those of a detector with an event time in *window*."""

    detector: str
    window: TimeWindow
    version: str | None = None
    stage: str | None = None


@runtime_checkable
class ScoresDoor(Protocol):
    """Stores scores and their counts.

    The promise is about what a reader sees once ``facts.visible_after`` has passed since a write:
    each score once, however often it was written. A SIEM may store a repeated id again, as long as
    no reader of this door and no rule counts it twice.
    """

    def write(self, scores: ScoreBatch, *, at: datetime) -> WriteReport:
        """Store *scores*, each stamped with *at* as the time when the SIEM received it.

        Alert rules select scores by that time, never by when they were made, so that rules still
        see a batch that is sent late. Where the SIEM stamps arrivals itself, its time counts.

        The report's ``written`` and ``already_there`` are what the SIEM said; a SIEM that does not
        tell them apart counts all as written. Refused items are reported; none is dropped silently.
        Where ``facts.acknowledged``, written scores survive a crash.

        A score may belong to a unit of several events: then its ``event_id`` is no event's, and its
        ``event_ref`` names the events (`scoreback.naming.members_of`). It is stored once, like any
        other.

        Raises:
            SiemUnavailable: some scores may be stored, some not: the batch is in doubt.
            SiemRefused: none of them can be stored, because a permission or a template is missing.
        """
        ...

    def existing(self, scores: ScoreBatch) -> set[str]:
        """The ids of those of *scores* that a reader sees now; this resolves a batch in doubt.

        It gets the whole scores, because a SIEM may need their times to find them.

        Raises:
            SiemUnavailable: the SIEM did not say what is stored.
        """
        ...

    def read(self, query: ScoreQuery) -> Iterator[ScoreBatch]:
        """Yield the stored scores of *query*, each id once, ordered by (event_time, score_id).

        Batches have a bounded size. Copied event fields are left out.

        Raises:
            SiemUnavailable: the SIEM did not answer; scores yielded so far are valid.
        """
        ...

    def write_histograms(self, histograms: Sequence[Histogram], *, at: datetime) -> None:
        """Store *histograms*; readers count a repeated ``histogram_id`` once."""
        ...

    def histograms(self, detector: str, window: TimeWindow) -> Iterator[Histogram]:
        """Yield the histograms of slices that begin in *window*, each id once, in slice order."""
        ...
