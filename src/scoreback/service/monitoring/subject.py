"""One detector being looked at: what its health documents are made from, and how they begin."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from scoreback.health import Figure, HealthDocument, Kind
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion, TimeWindow
from scoreback.service.app import App

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One detector with a champion, as looked at at a moment."""

    app: App
    detector: Detector
    champion: ModelVersion
    now: datetime

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.detector.name

    def last(self, span: timedelta) -> TimeWindow:
        """The window of length *span* that ends now."""
        return TimeWindow(since=self.now - span, until=self.now)

    def document(
        self, kind: Kind, figures: Mapping[str, Figure | None], subject: str = ""
    ) -> HealthDocument:
        """A document of *figures*, without those that are unknown."""
        return HealthDocument(
            detector=self.name,
            at=self.now,
            kind=kind,
            subject=subject,
            version=self.champion.version,
            figures={name: value for name, value in figures.items() if value is not None},
        )
