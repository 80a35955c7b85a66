"""The health door: documents as events in Scoreback's index, at the time they describe."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from scoreback.connectors.splunk.names import HEALTH, flat
from scoreback.connectors.splunk.times import epoch, parsed
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.hec import Hec
from scoreback.connectors.splunk.writing.own_events import OwnEvents
from scoreback.errors import SiemRefused
from scoreback.health import FIGURES, OWN, Figure, HealthDocument, fields_of, health_document
from scoreback.records import TimeWindow

_AT = "@timestamp"
# The dotted names in every document, by their names in events.
_DOTTED = {
    flat(name): name
    for name in (
        "scoreback.detector", "scoreback.version", f"{OWN}.kind", f"{OWN}.subject",
        *(f"{OWN}.{kind}.{figure}" for kind, figures in FIGURES.items() for figure in figures),
    )
}  # fmt: skip
_TIMES = {  # figures that searches calculate with: seconds since 1970
    f"{OWN}.{kind}.{figure}"
    for kind, figures in FIGURES.items()
    for figure, of in figures.items()
    if of == "time"
}
_FIRST = (f"{OWN}.id", "scoreback.detector", f"{OWN}.kind", f"{OWN}.subject")


class Health:
    """The health documents in Scoreback's index."""

    def __init__(self, client: Client, hec: Hec) -> None:
        """Write through *hec*, read through *client*."""
        self._hec = hec
        self._events = OwnEvents(client, HEALTH)

    def write(self, documents: Sequence[HealthDocument]) -> None:
        """Write *documents*; readers drop repeated ones."""
        if not documents:
            return
        events = [(epoch(document.at), _event(document)) for document in documents]
        report = self._hec.send(self._events.sent(events))
        if report.refused:
            raise SiemRefused(
                f"health documents were refused: {next(iter(report.refused.values()))}",
                hint="run `scoreback check`: do the index and Scoreback's app exist?",
            )

    def read(self, detector: str, window: TimeWindow) -> Iterator[HealthDocument]:
        """Yield the documents of *detector* in *window*, ordered by moment, kind and subject."""
        named = {"scoreback_detector": detector}
        for stored in self._events.read(named, window, _document):
            found = {one.health_id: one for one in stored}
            for document in sorted(found.values(), key=lambda d: (d.at, d.kind, d.subject)):
                asked = window.since <= document.at < window.until
                if asked and document.detector == detector:
                    yield document


def _event(document: HealthDocument) -> dict[str, object]:
    """*document* under flat names; names used in searches come first."""
    fields = fields_of(document)
    ordered = {name: fields[name] for name in _FIRST} | fields
    return {flat(name): _written(name, value) for name, value in ordered.items()}


def _written(name: str, value: Figure) -> object:
    if not isinstance(value, datetime):
        return value
    return value.timestamp() if name in _TIMES else value.isoformat()


def _document(raw: str) -> HealthDocument:
    event: dict[str, Any] = msgspec.json.decode(raw)
    fields = {_DOTTED[name]: value for name, value in event.items() if name in _DOTTED}
    fields |= {name: parsed(value) for name, value in fields.items() if name in _TIMES}
    return health_document(fields | {_AT: event[_AT]})
