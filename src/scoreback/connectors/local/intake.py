"""The doors that bring events into the embedded SIEM: one adds events, one loads exports."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from scoreback.connectors.doors.intake import LoadMapping, LoadReport, Progress, Scored
from scoreback.connectors.doors.stored import ReadSoFar, StoredStream, Unloaded
from scoreback.connectors.local.loading.intake import add_events
from scoreback.connectors.local.loading.load import load_file
from scoreback.connectors.local.rule_engine.verdicts import add_verdicts
from scoreback.connectors.local.storage.contents import streams
from scoreback.connectors.local.storage.store import Store
from scoreback.connectors.local.unloading import unload
from scoreback.records import EventBatch, LabelBatch, WriteReport


class Intake:
    """Takes events and verdicts from programs, and exports of other tools."""

    def __init__(self, store: Store) -> None:
        """Take into *store*."""
        self._store = store

    def selection(self, stream: str) -> Mapping[str, object]:
        """What selects the events of *stream*."""
        return {"stream": stream}

    def add_events(self, stream: str, events: EventBatch) -> WriteReport:
        """Add *events* to *stream*; each id is stored once."""
        return add_events(self._store, stream, events)

    def add_verdicts(self, batch: LabelBatch) -> WriteReport:
        """Add verdicts that analysts gave elsewhere; each is stored once."""
        return add_verdicts(self._store, batch)

    def load(
        self,
        path: Path,
        stream: str,
        mapping: LoadMapping,
        progress: Progress | None = None,
        scored: Callable[[], Iterable[Scored]] = tuple,
        at: datetime | None = None,
    ) -> LoadReport:
        """Load the export at *path* into *stream*: all or nothing; loading again adds nothing."""
        return load_file(self._store, path, stream, mapping, progress, scored, at)

    def streams(self) -> Sequence[StoredStream]:
        """What each stream holds."""
        return streams(self._store)

    def unload(
        self, stream: str, exports: Sequence[str], read: Callable[[], Iterable[ReadSoFar]] = tuple
    ) -> Unloaded:
        """Remove the events of *exports* from *stream*, unless a detector has read them."""
        return unload(self._store, stream, exports, read)
