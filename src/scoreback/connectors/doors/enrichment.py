"""The door that adds scores to events, so that searches for events find them."""

from typing import Protocol, runtime_checkable

from scoreback.records import Enrichment, ScoreBatch, WriteReport


@runtime_checkable
class EnrichmentDoor(Protocol):
    """Puts scores beside events, or onto them."""

    kinds: frozenset[Enrichment]  # the kinds that this SIEM supports

    def enrich(self, scores: ScoreBatch, how: Enrichment) -> WriteReport:
        """Put *scores* where *how* says; repeating it changes nothing.

        A score of a unit goes onto each event that its ref names, identified by the ref and id from
        the events door. With `Enrichment.IN_PLACE`, *scores* also have the columns
        ``scoreback.detectors.NAME.score`` and ``.version`` of their detector, with what the events
        had when they were read. A score that an event has already is counted, and nothing is sent
        for it. An older score never replaces a newer one in a lookup.

        Raises:
            SiemRefused: *how* is not one of `kinds`.
        """
        ...
