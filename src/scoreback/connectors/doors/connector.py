"""A connection: a bundle of doors, each there or not, and what is missing for it to work."""

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
    """How a SIEM behaves, where code has to know; it asks this and never the connector's name."""

    # How long after its arrival time an event may still turn up; the workspace can say otherwise.
    settle: timedelta = timedelta(0)
    # A score that `ScoresDoor.write` reported as written is stored; else it is seen to be, later.
    acknowledged: bool = True
    # How long after a write its scores may stay unseen by readers.
    visible_after: timedelta = timedelta(0)


@runtime_checkable
class Connector(Protocol):
    """One connection to one SIEM."""

    @property
    def name(self) -> str:
        """Of the connection; part of every score_id."""
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
        """Keeps scores."""
        ...

    @property
    def enrichment(self) -> EnrichmentDoor | None:
        """Puts scores beside events."""
        ...

    @property
    def labels(self) -> LabelsDoor | None:
        """Reads verdicts."""
        ...

    @property
    def alerts(self) -> AlertsDoor | None:
        """Lists and changes alerts."""
        ...

    @property
    def rules(self) -> RulesDoor | None:
        """Keeps alert rules."""
        ...

    @property
    def rule_engine(self) -> RuleEngine | None:
        """Raises alerts, where the SIEM does not do it itself."""
        ...

    @property
    def health(self) -> HealthDoor | None:
        """Takes figures about detectors."""
        ...

    @property
    def settings(self) -> SettingsDoor | None:
        """Tells what admins changed in the SIEM."""
        ...

    @property
    def resources(self) -> ResourcesDoor | None:
        """Keeps what the connection needs in the SIEM."""
        ...

    @property
    def native(self) -> NativeDoor | None:
        """Keeps what the SIEM scores by itself."""
        ...

    @property
    def intake(self) -> IntakeDoor | None:
        """Takes events in: the embedded SIEM, demo and tests."""
        ...

    @property
    def exports(self) -> ExportsDoor | None:
        """Takes files in that another tool exported."""
        ...

    @classmethod
    def default_settings(cls, home: Path) -> Mapping[str, object] | None:
        """What opens a connection for the workspace in *home* without a file that describes it.

        None where there is no such thing: somebody has to say where the SIEM is.
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
        """What is missing for *query* to be read and its scores written, each with the fix.

        A field that no event of the selection has is one of these findings.
        """
        ...

    def close_connection(self) -> None:
        """Let go of files and sockets; safe to call twice."""
        ...
