from datetime import UTC, datetime, timedelta
from pathlib import Path

from scoreback.connectors.local import LocalConnector
from scoreback.health import HealthDocument, Kind
from scoreback.records import TimeWindow

T = datetime(2026, 3, 1, tzinfo=UTC)
EVER = TimeWindow(since=T, until=T + timedelta(days=1000))


def refused(at: datetime) -> HealthDocument:
    return HealthDocument(detector="d", at=at, kind=Kind.REFUSED, figures={"last_day": 1})


def test_health_of_more_than_90_days_ago_is_forgotten(tmp_path: Path) -> None:
    door = LocalConnector.open("t", {"path": tmp_path}).health
    door.write([refused(T), refused(T + timedelta(days=1))])
    newest = T + timedelta(days=91)
    door.write([refused(newest)])
    assert [d.at for d in door.read("d", EVER)] == [T + timedelta(days=1), newest]
