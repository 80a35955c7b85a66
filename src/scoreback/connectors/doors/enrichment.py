"""The door that puts scores where searches of events find them."""

from typing import Protocol, runtime_checkable

from scoreback.records import Enrichment, ScoreBatch, WriteReport


@runtime_checkable
class EnrichmentDoor(Protocol):
    """Puts scores beside events, or onto them."""

    kinds: frozenset[Enrichment]  # those that this SIEM can do

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Put *scores* where *how* says; doing it again changes nothing.

        A score of a unit goes onto each event that its ref names, each by the ref and id that the
        events door gave it. Onto events (`Enrichment.IN_PLACE`), *scores* carry beside their own
        columns what the events had when they were read: ``scoreback.detectors.NAME.score`` and
        ``.version`` of their detector. A score that an event has already is counted, and nothing is
        sent for it. An older score never replaces a newer one in a lookup.

        Raises:
            SiemRefused: *how* is none of `kinds`.
        """
        ...
