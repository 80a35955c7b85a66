"""The doors of a connection: what each of them promises, one file per door.

The docstrings are the contract; `scoreback.connectors.contract` checks it for every connector. A
SIEM's own exceptions never leave its folder: they become `SiemUnavailable` (retry) or `SiemRefused`
(do not retry).
"""

from scoreback.connectors.doors.alerts import AlertFields, AlertLinks, AlertQuery, AlertsDoor
from scoreback.connectors.doors.connector import Connector, Facts
from scoreback.connectors.doors.enrichment import EnrichmentDoor
from scoreback.connectors.doors.events import BATCH_ROWS, EventsDoor, LaterValues, Slice
from scoreback.connectors.doors.health import HealthDoor
from scoreback.connectors.doors.intake import ExportsDoor, IntakeDoor, LoadMapping, LoadReport
from scoreback.connectors.doors.labels import LabelsDoor
from scoreback.connectors.doors.native import NativeDoor
from scoreback.connectors.doors.resources import ResourcesDoor
from scoreback.connectors.doors.rules import RuleEngine, RulesDoor
from scoreback.connectors.doors.scores import ScoreQuery, ScoresDoor
from scoreback.connectors.doors.settings import SettingsDoor
from scoreback.connectors.doors.sigma import SigmaTranslation, SigmaTranslator

__all__ = [
    "BATCH_ROWS",
    "AlertFields",
    "AlertLinks",
    "AlertQuery",
    "AlertsDoor",
    "Connector",
    "EnrichmentDoor",
    "EventsDoor",
    "ExportsDoor",
    "Facts",
    "HealthDoor",
    "IntakeDoor",
    "LabelsDoor",
    "LaterValues",
    "LoadMapping",
    "LoadReport",
    "NativeDoor",
    "ResourcesDoor",
    "RuleEngine",
    "RulesDoor",
    "ScoreQuery",
    "ScoresDoor",
    "SettingsDoor",
    "SigmaTranslation",
    "SigmaTranslator",
    "Slice",
]
