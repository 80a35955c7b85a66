"""The double's door to health: documents of its log, each read once whatever was written twice."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from scoreback.health import HealthDocument, fields_of, health_document
from scoreback.records import TimeWindow
from tests.contract.double.log import Log

HEALTH = "health"


class Health:
    """Keeps health documents as it keeps all others."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def write(self, documents: Sequence[HealthDocument]) -> None:
        self._log.append(
            HEALTH,
            [
                {k: v.isoformat() if isinstance(v, datetime) else v for k, v in fields.items()}
                for fields in map(fields_of, documents)
            ],
        )

    def read(self, detector: str, window: TimeWindow) -> Iterator[HealthDocument]:
        seen = map(health_document, self._log.seen(HEALTH))
        first = {
            document.health_id: document
            for document in seen
            if document.detector == detector and window.since <= document.at < window.until
        }
        yield from sorted(first.values(), key=lambda d: (d.at, d.kind, d.subject))
