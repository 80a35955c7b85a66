"""Which verdicts count in what is told of a detector's alerts."""

from datetime import UTC, datetime, timedelta

import pytest

from scoreback.models.labels.doubts import CONTRADICTION, FLOOD
from scoreback.records import Alert, Severity, Verdict
from scoreback.service.labels.quarantine import Held
from scoreback.service.monitoring.outcomes import believed
from scoreback.service.state.quarantine_log import ACCEPTED, Decision, Noted

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def closed(name: str, by: str, at: datetime) -> Alert:
    return Alert(
        alert_id=name, rule="r", detector="d", version="v1", entity=None, event_id=name,
        event_time=NOON, raised_at=NOON, score=0.9, risk=50.0, severity=Severity.MEDIUM, events=1,
        reasons="[]", verdict=Verdict.FALSE_POSITIVE, closed_at=at, labeller=by,
    )  # fmt: skip


def flood(kind: str = FLOOD, decision: Decision | None = None, left_out: int = 2) -> Held:
    case = Noted(
        case_id="c", kind=kind, labeller="eve", first=NOON, last=NOON + 30 * MINUTE, labels=2
    )
    return Held(case=case, decision=decision, left_out=left_out)


def decided(what: str) -> Decision:
    return Decision(case_id="c", decision=what, at=NOON + 10 * MINUTE, actor="ann", reason="")


ALERTS = [
    closed("early", "eve", NOON - MINUTE),
    closed("first", "eve", NOON),
    closed("late", "eve", NOON + 30 * MINUTE),
    closed("another's", "bob", NOON + MINUTE),
]


@pytest.mark.parametrize(
    ("held", "left"),
    [
        (flood(), ["early", "another's"]),
        (flood(decision=decided("rejected")), ["early", "another's"]),
        (flood(decision=decided(ACCEPTED)), ["early", "first", "another's"]),
        (flood(decision=decided(ACCEPTED), left_out=0), [one.alert_id for one in ALERTS]),
        (flood(kind=CONTRADICTION), [one.alert_id for one in ALERTS]),
    ],
    ids=["waiting", "rejected", "accepted and gone on", "accepted", "a contradiction"],
)
def test_verdicts_of_a_flood_count_for_nothing_until_somebody_accepts_them(
    held: Held, left: list[str]
) -> None:
    found = believed(ALERTS, [held])
    assert [one.alert_id for one in found] == [one.alert_id for one in ALERTS]
    assert [one.alert_id for one in found if one.verdict is not None] == left
