"""The double as one connection."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Self

from scoreback.connectors.doors import Facts
from scoreback.records import EventQuery, Finding
from tests.contract.double.data import Events, Intake, Scores
from tests.contract.double.health import Health
from tests.contract.double.log import Log
from tests.contract.double.queue import Queue

DELAY = timedelta(seconds=90)


class DoubleConnector:
    """A connection to the double in one folder; any number of processes may have one."""

    enrichment = None
    settings = None
    resources = None
    exports = None
    native = None

    def __init__(self, name: str, log: Log) -> None:
        self.name, self.log = name, log
        self.facts = Facts(settle=log.delay, acknowledged=False, visible_after=log.delay)
        self.events, self.scores, self.intake = Events(log), Scores(log), Intake(log)
        self.health = Health(log)
        self.labels = self.alerts = self.rules = self.rule_engine = Queue(log)

    @classmethod
    def default_settings(cls, home: Path) -> Mapping[str, object] | None:
        return {"path": str(home / "double")}

    @classmethod
    def open(cls, name: str, settings: Mapping[str, object]) -> Self:
        return cls(name, Log(Path(str(settings["path"])), DELAY))

    def check(self, query: EventQuery) -> Sequence[Finding]:
        there = self.events.fields(query.selection)
        if not there:
            return [Finding(what="no event is selected", fix="name another stream")]
        return [
            Finding(what=f"no event has {name!r}", fix="name another field")
            for name in query.fields
            if name not in there
        ]

    def close_connection(self) -> None:
        """Nothing stays open."""
