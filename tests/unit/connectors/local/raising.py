"""Scores come to the embedded SIEM, and its rules look at them: as the service does it."""

from datetime import UTC, datetime

from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.connectors.local import LocalConnector
from scoreback.records import ScoreBatch, WriteReport

NOW = datetime(2024, 3, 9, tzinfo=UTC)


def raise_alerts(siem: LocalConnector, *, at: datetime = NOW) -> int:
    """Let rules look at what came lately; how many alerts they opened."""
    return siem.rule_engine.evaluate(since=at - LOOK_BACK, at=at)


def score(siem: LocalConnector, scores: ScoreBatch, *, at: datetime = NOW) -> WriteReport:
    """Write *scores*, then let rules look at them."""
    report = siem.scores.write(scores, at=at)
    raise_alerts(siem, at=at)
    return report
