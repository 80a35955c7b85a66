"""A connection: a bundle of doors, some of which may be missing, and checks of its setup."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from scoreback.connectors.doors.alerts import AlertsDoor
from scoreback.connectors.doors.enrichment import EnrichmentDoor
from scoreback.connectors.doors.events import EventsDoor
from scoreback.connectors.doors.health import HealthDoor
from scoreback.connectors.doors.intake import ExportsDoor, IntakeDoor
from scoreback.connectors.doors.labels import LabelsDoor
from scoreback.connectors.doors.native import NativeDoor
from scoreback.connectors.doors.resources import ResourcesDoor
from scoreback.connectors.doors.rules import RuleEngine, RulesDoor
from scoreback.connectors.doors.scores import ScoresDoor
from scoreback.connectors.doors.settings import SettingsDoor
from scoreback.records import EventQuery, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How a SIEM behaves: code that has to know reads this and never the connector's name."""

    # How long after its arrival time an event may still appear; the workspace can override it.
    settle: timedelta = timedelta(0)
    # Whether a score that `ScoresDoor.write` reports as written is certainly stored; otherwise the
    # service reads it back.
    acknowledged: bool = True
    # How long after a write readers may not see its scores.
    visible_after: timedelta = timedelta(0)


@runtime_checkable
class Connector(Protocol):
    """One connection to one SIEM."""

    @property
    def name(self) -> str:
        """The connection's name; part of every score_id."""
        ...

    @property
    def facts(self) -> Facts:
        """How the SIEM behaves."""
        ...

    @property
    def events(self) -> EventsDoor:
        """Reads events."""
        ...

    @property
    def scores(self) -> ScoresDoor:
        """Stores scores."""
        ...

    @property
    def enrichment(self) -> EnrichmentDoor | None:
        """Puts scores beside events."""
        ...

    @property
    def labels(self) -> LabelsDoor | None:
        """Reads analysts' verdicts."""
        ...

    @property
    def alerts(self) -> AlertsDoor | None:
        """Lists and changes alerts."""
        ...

    @property
    def rules(self) -> RulesDoor | None:
        """Stores alert rules."""
        ...

    @property
    def rule_engine(self) -> RuleEngine | None:
        """Raises alerts, where the SIEM does not."""
        ...

    @property
    def health(self) -> HealthDoor | None:
        """Stores figures about detectors."""
        ...

    @property
    def settings(self) -> SettingsDoor | None:
        """Reads the settings that admins changed in the SIEM."""
        ...

    @property
    def resources(self) -> ResourcesDoor | None:
        """Stores the objects that the connection needs in the SIEM."""
        ...

    @property
    def native(self) -> NativeDoor | None:
        """Stores what the SIEM needs to compute scores itself."""
        ...

    @property
    def intake(self) -> IntakeDoor | None:
        """Adds events: for the embedded SIEM, the demo and tests."""
        ...

    @property
    def exports(self) -> ExportsDoor | None:
        """Loads files that other tools exported."""
        ...

    @classmethod
    def default_settings(cls, home: Path) -> Mapping[str, object] | None:
        """Settings that open a connection for the workspace in *home* without a connection file.

        None if there are none because the user has to say where the SIEM is.
        """
        ...

    @classmethod
    def open(cls, name: str, settings: Mapping[str, object]) -> Self:
        """Open the connection called *name*.

        Raises:
            ConfigError: a setting is missing, unknown or of the wrong type.
            SiemUnavailable: the SIEM cannot be reached.
        """
        ...

    def check(self, query: EventQuery) -> Sequence[Finding]:
        """Findings about reading *query* and writing its scores, each with its fix.

        One kind of finding is a field that no event of the selection has.
        """
        ...

    def close_connection(self) -> None:
        """Close files and sockets; can safely be called twice."""
        ...
