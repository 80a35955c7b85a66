"""What became of a detector's alerts: precision against its promise, volume against the budget.

An outcome is what an analyst closed an alert as. Alerts younger than the detector's
``mature_after`` do not count yet, and alerts that we closed ourselves say nothing.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from scoreback.connectors.doors import AlertQuery
from scoreback.health import Figure, HealthDocument, Kind
from scoreback.models.detector.spec import Detector
from scoreback.models.labels.doubts import CONTRADICTION, FLOOD
from scoreback.records import Alert, TimeWindow, Verdict
from scoreback.service.app import App
from scoreback.service.in_force.holding import held_back_here
from scoreback.service.labels.quarantine import KINDS, Held
from scoreback.service.monitoring.audited import audited
from scoreback.service.monitoring.missed import missed
from scoreback.service.monitoring.subject import DAY, Subject
from scoreback.service.state.own_closures import own_closures
from scoreback.service.state.pacing_log import suppressed_since
from scoreback.service.state.quarantine_log import ACCEPTED
from scoreback.service.state.scored_counts import first_hour
from scoreback.times import micros, moment

WINDOW = 30 * DAY  # of alerts that precision is computed from
WEEK = 7 * DAY  # of alerts that the volume is computed from
_Z = 1.6449  # 90 % interval, as training's


class Outcome(Protocol):
    """What precision needs to know of an alert."""

    @property
    def version(self) -> str:
        """The detector version that raised it."""
        ...

    @property
    def event_time(self) -> datetime:
        """The event time of the unit that opened it."""
        ...

    @property
    def verdict(self) -> Verdict | None:
        """Its current verdict; None while it is not closed."""
        ...


# Figure of health → what training called it.
PROMISED = {
    "promised": "precision", "promised_low": "precision_low", "promised_high": "precision_high",
    "promised_recall": "recall", "promised_recall_low": "recall_low",
    "promised_recall_high": "recall_high",
}  # fmt: skip


def outcomes(subject: Subject, held: Sequence[Held] = ()) -> list[HealthDocument]:
    """Documents of precision, alerts and labels; verdicts *held* in quarantine do not count.

    Documents on alerts are left out where the SIEM shows alerts only to its own users.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """
    doubted = quarantined(held)
    found = all_alerts(subject.app, subject.name, subject.last(WINDOW))
    if found is None:
        return [subject.document(Kind.LABELS, doubted)]
    alerts = [one for one in found if not one.is_audit and not one.is_explored]
    audits = [one for one in found if one.is_audit]
    explored = [one for one in found if one.is_explored]
    return [
        _precision(subject, believed(alerts, held), believed(audits, held)),
        _volume(subject, alerts, audits, explored),
        subject.document(Kind.LABELS, {**_labels(subject, alerts), **doubted}),
    ]


def believed(alerts: Sequence[Alert], held: Sequence[Held]) -> list[Alert]:
    """*alerts*, with verdicts of floods that nobody accepted taken as no verdict."""
    floods = [one for one in held if one.case.kind == FLOOD and one.left_out]
    return [
        replace(alert, verdict=None) if any(_is_of(alert, one) for one in floods) else alert
        for alert in alerts
    ]


def _is_of(alert: Alert, flood: Held) -> bool:
    """Whether *alert* was closed in that *flood*, and no later acceptance covers it."""
    at, case, decision = alert.closed_at, flood.case, flood.decision
    if at is None or alert.labeller != case.labeller or not case.first <= at <= case.last:
        return False
    return decision is None or decision.decision != ACCEPTED or at > decision.at


def quarantined(held: Sequence[Held]) -> dict[str, float]:
    """How many verdicts of *held* cases wait for a decision, by the reason for doubt."""
    waiting = {
        kind: float(sum(one.left_out for one in held if one.waits and one.case.kind == kind))
        for kind in KINDS
    }
    return {
        "quarantined": sum(waiting.values()),
        "quarantined_bulk": waiting[FLOOD],
        "quarantined_contradicting": waiting[CONTRADICTION],
    }


def interval(true: int, judged: int) -> tuple[float, float]:
    """Wilson's 90 % interval of a share; within 0..1 even for few."""
    if not judged:
        return 0.0, 1.0
    share, z2 = true / judged, _Z**2
    middle = (share + z2 / (2 * judged)) / (1 + z2 / judged)
    half = _Z * math.sqrt(share * (1 - share) / judged + z2 / (4 * judged**2)) / (1 + z2 / judged)
    return max(0.0, middle - half), min(1.0, middle + half)


def all_alerts(app: App, detector: str, window: TimeWindow | None = None) -> Sequence[Alert] | None:
    """The alerts of *detector*, oldest first, with our own closings undone.

    None where the SIEM shows alerts only to its own users.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """
    door = app.connector.alerts
    if door is None:
        return None
    ours = {(c.alert_id, c.closed_at) for c in own_closures(app.state, app.connector.name)}
    return [
        replace(a, verdict=None, closed_at=None) if (a.alert_id, a.closed_at) in ours else a
        for a in door.find(AlertQuery(detector=detector, window=window, touched=False))
    ]


def precision_of(
    detector: Detector, alerts: Sequence[Outcome], version: str, now: datetime
) -> dict[str, float]:
    """What became of those *alerts* of *version* that are old enough to have been judged *now*."""
    mature = now - detector.labels.mature_after
    mine = [a for a in alerts if a.version == version and a.event_time <= mature]
    verdicts = Counter(a.verdict for a in mine if a.verdict is not None)
    benign = verdicts[Verdict.BENIGN_POSITIVE]
    counts_as = detector.labels.benign_positive
    true = verdicts[Verdict.TRUE_POSITIVE] + (benign if counts_as == "positive" else 0)
    false = verdicts[Verdict.FALSE_POSITIVE] + (benign if counts_as == "negative" else 0)
    judged = true + false
    found: dict[str, float] = {
        "alerts": len(mine),
        "labelled": judged,
        "true_positives": verdicts[Verdict.TRUE_POSITIVE],
        "false_positives": verdicts[Verdict.FALSE_POSITIVE],
        "benign_positives": benign,
        "undetermined": verdicts[Verdict.UNDETERMINED],
    }
    if mine:
        found["labelled_share"] = judged / len(mine)
        found["realised_floor"] = true / len(mine)
    if judged:
        low, high = interval(true, judged)
        found |= {"realised": true / judged, "realised_low": low, "realised_high": high}
    return found


def promised(metrics: dict[str, float]) -> dict[str, float]:
    """The figures that training promised, of those that it gave."""
    values = {own: metrics.get(name, math.nan) for own, name in PROMISED.items()}
    return {own: value for own, value in values.items() if not math.isnan(value)}


def _precision(
    subject: Subject, alerts: Sequence[Alert], audits: Sequence[Alert]
) -> HealthDocument:
    found = {
        "days": WINDOW / DAY,
        **promised(dict(subject.champion.metrics)),
        **precision_of(subject.detector, alerts, subject.champion.version, subject.now),
        **missed(subject, alerts),
    }
    if found.keys() >= {"realised_low", "promised_low", "promised_high"}:
        apart = (
            found["realised_high"] < found["promised_low"]
            or found["realised_low"] > found["promised_high"]
        )
        found["held"] = float(not apart)
    estimate = audited(subject, alerts, audits)
    return subject.document(Kind.PRECISION, {**found, **estimate})


def _volume(
    subject: Subject,
    alerts: Sequence[Alert],
    audits: Sequence[Alert],
    explored: Sequence[Alert],
) -> HealthDocument:
    """Alerts a day over the last week, or since scoring began where that is less.

    Explored alerts are part of the budget, and count with the champion's *alerts*; audits do not.
    """
    now, budget = subject.now, subject.detector.alerts.budget
    began = first_hour(subject.app.state, subject.name)
    days = 7.0 if began is None else min(7.0, max(1.0, (now - began) / DAY))
    shown = [*alerts, *explored]
    lately = [a for a in shown if a.event_time >= now - days * DAY]
    by_day = Counter(a.event_time.date() for a in lately)
    per_day = len(lately) / days
    today = moment(subject.detector.alerts.day_starts.between(micros(now), micros(now))[0])
    yesterday = now - DAY
    metrics = subject.champion.metrics
    return subject.document(
        Kind.ALERTS,
        {
            "budget": budget,
            "promised_per_day": _known(metrics.get("alerts_per_day")),
            "today": sum(a.event_time >= today for a in shown),
            "today_since": today,
            "last_day": sum(a.event_time >= yesterday for a in lately),
            "audits_last_day": sum(a.event_time >= yesterday for a in audits),
            "explored_last_day": sum(a.event_time >= yesterday for a in explored),
            "per_day": per_day,
            "share_of_budget": per_day / budget if budget else None,
            "days_over_budget": sum(count > budget for count in by_day.values()),
            "days": days,
            **_suppressed(subject, today),
        },
    )


def _suppressed(subject: Subject, today: datetime) -> dict[str, float]:
    """How many hits we held back; empty where the SIEM's rules do that."""
    if not held_back_here(subject.app.connector.rules, subject.detector.alerts.throttle):
        return {}
    database, name = subject.app.state.database, subject.name
    return {
        "suppressed_today": suppressed_since(database, name, today),
        "suppressed_last_day": suppressed_since(database, name, subject.now - DAY),
    }


def _labels(subject: Subject, alerts: Sequence[Alert]) -> dict[str, Figure | None]:
    still_open = [a for a in alerts if a.verdict is None]
    closed = [a.closed_at for a in alerts if a.closed_at is not None]
    newest = max(closed, default=None)
    oldest = min((a.raised_at for a in still_open), default=None)
    return {
        "open_alerts": len(still_open),
        "oldest_open": None if oldest is None else _seconds(subject.now - oldest),
        "newest_label": newest,
        "label_lag": None if newest is None else _seconds(subject.now - newest),
    }


def _seconds(span: timedelta) -> float:
    return max(0.0, span.total_seconds())


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
