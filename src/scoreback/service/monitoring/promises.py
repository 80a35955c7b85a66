"""What each version of a detector promised, and what became of its alerts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from scoreback.models.detector.spec import Detector
from scoreback.records import Alert, ModelVersion
from scoreback.service.app import App
from scoreback.service.labels.quarantine import in_quarantine
from scoreback.service.monitoring.outcomes import (
    PROMISED,
    all_alerts,
    believed,
    precision_of,
    promised,
)
from scoreback.service.state.versions import Versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One version; unknown figures are left out."""

    version: ModelVersion
    promised: dict[str, float]  # precision and recall with 90 % intervals, alerts_per_day
    came: dict[str, float]  # the same precision, of alerts with a verdict; alerts_per_day, counts


def promises(app: App, detector: Detector, *, now: datetime) -> list[Promise]:
    """The promises of all versions of *detector*, oldest first.

    Raises:
        SiemUnavailable: the SIEM did not answer.
    """
    held = in_quarantine(app, detector, now)
    found = believed(all_alerts(app, detector.name) or (), held)
    alerts = [one for one in found if not (one.is_audit or one.is_explored)]
    return [
        Promise(
            version=version,
            promised=_promised(version),
            came=_came(detector, version, alerts, now),
        )
        for version in Versions(app.state).list(detector.name)
    ]


def _promised(version: ModelVersion) -> dict[str, float]:
    metrics = dict(version.metrics)
    found = {PROMISED[own]: value for own, value in promised(metrics).items()}
    a_day = metrics.get("alerts_per_day", math.nan)
    return found if math.isnan(a_day) else found | {"alerts_per_day": a_day}


def _came(
    detector: Detector, version: ModelVersion, alerts: Sequence[Alert], now: datetime
) -> dict[str, float]:
    mine = [alert for alert in alerts if alert.version == version.version]
    if not mine:
        return {}
    days = (mine[-1].event_time.date() - mine[0].event_time.date()).days + 1
    renamed = {"realised": "precision", "realised_low": "precision_low",
               "realised_high": "precision_high", "realised_floor": "precision_floor"}  # fmt: skip
    outcome = precision_of(detector, mine, version.version, now)
    found = {renamed.get(name, name): value for name, value in outcome.items()}
    return found | {"alerts_per_day": len(mine) / days, "days": float(days)}
