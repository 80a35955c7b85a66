"""One connection to the embedded SIEM: all its doors over one folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from scoreback.connectors.doors import Facts
from scoreback.connectors.local.checks import check
from scoreback.connectors.local.events import Events
from scoreback.connectors.local.health import Health
from scoreback.connectors.local.intake import Intake
from scoreback.connectors.local.rule_engine.alerting import RuleEngine
from scoreback.connectors.local.rule_engine.alerts import Alerts
from scoreback.connectors.local.rule_engine.rules import Rules
from scoreback.connectors.local.rule_engine.verdicts import Labels
from scoreback.connectors.local.scores import Scores
from scoreback.connectors.local.settings import Settings
from scoreback.connectors.local.storage.store import Store, folder_of
from scoreback.records import EventQuery, Finding


class LocalConnector:
    """A connection to the embedded SIEM in one folder; several processes may connect at once."""

    enrichment = None  # its view `events_enriched` shows every stored score beside its event
    resources = None  # a folder needs no objects created in advance

    def __init__(self, name: str, store: Store) -> None:
        """Connect as *name* to *store*."""
        self.name, self.store, self.facts = name, store, Facts()
        self.events = Events(store)
        self.scores = Scores(store)
        self.labels = Labels(store)
        self.alerts = Alerts(store)
        self.rules = Rules(store)
        self.rule_engine = RuleEngine(store)
        self.settings = Settings(store)
        self.health = Health(store)
        self.intake = self.exports = Intake(store)
        self.native = None  # only the service computes scores

    @classmethod
    def default_settings(cls, home: Path) -> Mapping[str, object] | None:
        """The default settings: a folder inside the workspace."""
        return {"path": str(home / "siem")}

    @classmethod
    def open(cls, name: str, settings: Mapping[str, object]) -> Self:
        """Open the folder that setting ``path`` names; create it if it does not exist."""
        return cls(name, Store(folder_of(settings)))

    def check(self, query: EventQuery) -> Sequence[Finding]:
        """Findings about reading *query* and writing its scores, each with its fix."""
        return check(self.store, query)

    def close_connection(self) -> None:
        """Do nothing: no file stays open between calls."""
