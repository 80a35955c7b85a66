"""Analysts come to alerts in order of time, each once, and leave alone what was taken back."""

from datetime import UTC, datetime, timedelta

from scoreback.records import Alert, Severity, Verdict
from scoreback.service.demo.analysts import Closing
from scoreback.service.demo.stage import Meant

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def alert(name: str) -> Alert:
    return Alert(
        alert_id=name, rule="r", detector="d", version="v1", entity=None, event_id=name,
        event_time=NOON, raised_at=NOON, score=0.9, risk=80.0, severity=Severity.HIGH, events=1,
        reasons="[]",
    )  # fmt: skip


def meant(**hours: int) -> Meant:
    """Each alert by name, and in how many hours its analyst comes to it."""
    made = Meant()
    for name, after in hours.items():
        at = NOON + timedelta(hours=after)
        made.add(
            alert(name),
            Closing(verdict=Verdict.TRUE_POSITIVE, label_time=at, labeller="dai"),
        )
    return made


def due(closings: Meant, hours: int) -> list[str]:
    return [one.alert_id for one, _ in closings.due(NOON + timedelta(hours=hours))]


def test_what_is_due_comes_in_order_of_time_and_once() -> None:
    closings = meant(late=5, soon=1, later=9)
    assert due(closings, 5) == ["soon", "late"]
    assert due(closings, 5) == []
    assert due(closings, 10) == ["later"]


def test_nobody_comes_to_what_was_taken_back() -> None:
    closings = meant(good=2, taken=1)
    closings.leave(["taken", "never meant"])
    assert due(closings, 10) == ["good"]
