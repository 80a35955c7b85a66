"""Checks of the doors for health and for rules about health."""

from datetime import datetime, timedelta

from scoreback.connectors.contract.data import DAY, START, Subject, alerts, expect, health, rules
from scoreback.connectors.doors import AlertQuery
from scoreback.deployment import AlertRule, RuleKind
from scoreback.health import FIGURES, OWN, Figure, HealthDocument, Kind
from scoreback.records import Severity, TimeWindow, Verdict

_EVER = TimeWindow(since=START, until=START + 10 * DAY)
_VALUES: dict[str, Figure] = {
    "number": 0.25, "text": "why, so: «ja»", "time": START + timedelta(microseconds=1),
}  # fmt: skip


def check_each_health_document_is_read_once_in_order(subject: Subject) -> None:
    """Reads are ordered by moment, kind and subject, and give each document once."""
    door = health(subject)
    second = _status(at=START + timedelta(hours=1))
    features = [_document(Kind.FEATURE, subject=name) for name in ("b", "a")]
    expect(
        not list(door.read("contract", _EVER)), "there are health documents before any was written"
    )
    door.write([second, *features, _status()])
    subject.settle()
    door.write([_status(), second])
    subject.settle()
    found = [(d.at, d.kind, d.subject) for d in door.read("contract", _EVER)]
    wanted = sorted((d.at, d.kind, d.subject) for d in [_status(), second, *features])
    expect(found == wanted, f"read {found}, not {wanted}")


def check_every_figure_is_read_as_it_was_written(subject: Subject) -> None:
    """Numbers, texts and times to the microsecond are read back under the names of `FIGURES`."""
    written = [_document(kind) for kind in Kind]
    door = health(subject)
    door.write(written)
    subject.settle()
    found = {document.kind: document for document in door.read("contract", _EVER)}
    for document in written:
        expect(
            found.get(document.kind) == document, f"{document.kind} was read back with other values"
        )


def check_health_of_other_detectors_and_moments_is_left_out(subject: Subject) -> None:
    """A read excludes other detectors, and its window excludes the upper bound."""
    door = health(subject)
    later = START + timedelta(hours=1)
    door.write([_status(), _status(at=later), _status(detector="other")])
    subject.settle()
    found = list(door.read("contract", TimeWindow(since=START, until=later)))
    expect([d.at for d in found] == [START], f"read {len(found)} documents")


def check_a_rule_about_health_raises_one_alert_a_day_and_detector(subject: Subject) -> None:
    """Such an alert is not the detector's own, and a second evaluation opens nothing."""
    engine = subject.connector.rule_engine
    door = rules(subject)
    health(subject)
    door.apply(_rule())
    expect(door.current("health.stale") == _rule(), "the rule was read back with other values")
    if engine is None:
        return
    documents = [
        _status(), _status(at=START + timedelta(hours=1)), _status(detector="other"),
        _status(detector="fine", stale=0.0), _status(at=START + DAY),
    ]  # fmt: skip
    opened = engine.evaluate_health(documents, at=START + DAY)
    again = engine.evaluate_health(documents, at=START + DAY)
    subject.settle()
    expect((opened, again) == (3, 0), f"opened {opened} alerts, then {again}")
    found = sorted((a.entity or "", a.event_time) for a in alerts(subject).find())
    wanted = [("contract", START), ("contract", START + DAY), ("other", START)]
    expect(found == wanted, f"alerts of {found}")
    expect(
        not list(alerts(subject).find(AlertQuery(detector="contract"))),
        "they are listed as alerts of the detector",
    )


def check_alerts_about_health_say_why_and_are_closed_like_others(subject: Subject) -> None:
    """Their verdicts carry the rule's name, so that training leaves them out."""
    engine = subject.connector.rule_engine
    rules(subject).apply(_rule())
    health(subject)
    if engine is None:
        return
    engine.evaluate_health([_status()], at=START)
    subject.settle()
    (alert,) = alerts(subject).find(AlertQuery(detector=OWN))
    expect("docs/runbook/stale.md" in alert.reasons, f"it says {alert.reasons}")
    at = alert.event_time + timedelta(minutes=1)
    closed = alerts(subject).close(alert.alert_id, Verdict.TRUE_POSITIVE, labeller="ann", at=at)
    expect(closed.verdict == Verdict.TRUE_POSITIVE, "it is not closed")
    expect(closed.rule == "health.stale", f"it is an alert of {closed.rule!r}")


def _status(
    *, detector: str = "contract", at: datetime = START, stale: float = 1.0
) -> HealthDocument:
    return HealthDocument(
        detector=detector, at=at, kind=Kind.STATUS, version="v1-aa",
        figures={"stale": stale, "state": "attention", "why": "the newest event is old"},
    )  # fmt: skip


def _document(kind: Kind, subject: str = "") -> HealthDocument:
    return HealthDocument(
        detector="contract", at=START, kind=kind, subject=subject, version="v1-aa",
        figures={name: _VALUES[of] for name, of in FIGURES[kind].items()},
    )  # fmt: skip


def _rule() -> AlertRule:
    return AlertRule(
        name="health.stale", kind=RuleKind.HEALTH, detector=OWN, version="",
        per_entity=1, throttle=timedelta(0), budget=5.0, severity=Severity.HIGH,
        entity_field="scoreback.detector", notes="docs/runbook/stale.md",
    )  # fmt: skip
