"""The operating point of the version that scores: dated rows that explain its alerts.

The threshold itself is paced within the day (`scoreback.models.judging.pacer`) between the floor
and what the budget allows; the operating point says what it is paced by. The artefact keeps the
threshold of its training, for the days before anything is scored.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.day_start import DayStart
from scoreback.models.detector.spec import Detector
from scoreback.models.judging.pacing import Pace
from scoreback.models.judging.threshold import RiskMap
from scoreback.service.state import tables
from scoreback.service.state.workspace_state import State
from scoreback.suppression import Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoint:
    """What turns scores of one version into alerts, and how these look."""

    version: str
    born: float  # the threshold from training
    keep_floor: float  # scores from this one on are stored
    risk: RiskMap
    budget: float  # alerts a day
    burst: float  # share of the budget
    day_starts: DayStart
    least_precision: float
    per_entity: int
    throttle: timedelta
    severity: str

    @property
    def pace(self) -> Pace:
        """What paces the threshold: opened alerts count, whoever holds back the rest."""
        return Pace(
            budget=self.budget,
            burst=self.burst,
            floor=self.least_precision,
            rule=Suppression(per_entity=self.per_entity, throttle=self.throttle),
        )

    def body(self) -> dict[str, Any]:
        """The point as JSON values."""
        return {
            **asdict(self),
            "risk": asdict(self.risk),
            "day_starts": str(self.day_starts),
            "throttle": self.throttle.total_seconds(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A row of the table: the point, since when it holds, by whom and why."""

    version: str
    at: datetime
    author: str
    reason: str
    body: dict[str, Any]


def operating_point(detector: Detector, version: str, artifact: Artifact) -> OperatingPoint:
    """The operating point of *version* under *detector* as it is in force."""
    alerts = detector.alerts
    return OperatingPoint(
        version=version,
        born=artifact.manifest.threshold,
        keep_floor=artifact.manifest.keep_floor,
        risk=RiskMap.of(alerts.least_precision),
        budget=alerts.budget,
        burst=alerts.burst,
        day_starts=alerts.day_starts,
        least_precision=alerts.least_precision,
        per_entity=int(alerts.per_entity),
        throttle=alerts.throttle,
        severity=alerts.severity,
    )


def pace_digest(point: OperatingPoint, pace: Pace) -> str:
    """A digest of everything that a cut depends on besides the scores; 16 hex digits."""
    paced = asdict(pace)
    spared = paced.pop("spared")  # older steps have none, and no later cut needs it
    if spared is not None and spared["part"] is not None:
        paced["part"] = spared["part"]
    text = json.dumps([paced, str(point.day_starts), point.born], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def note_point(
    state: State, detector: str, point: OperatingPoint, *, author: str, reason: str, at: datetime
) -> bool:
    """Record that *point* is in force, unless it is the last one recorded; whether it is new."""
    t = tables.operating_points
    body = json.dumps(point.body(), sort_keys=True, allow_nan=False)
    newest = sa.select(t.c.version, t.c.body).where(t.c.detector == detector)
    with state.database.reads() as connection:
        last = connection.execute(newest.order_by(t.c.id.desc()).limit(1)).one_or_none()
    if last is not None and (last.version, last.body) == (point.version, body):
        return False
    row = {
        "detector": detector,
        "version": point.version,
        "at": at,
        "author": author,
        "reason": reason,
        "body": body,
    }
    with state.database.writes() as connection:
        connection.execute(sa.insert(t).values(row))
    return True


def points(state: State, detector: str, limit: int | None = None) -> Sequence[Noted]:
    """The points of *detector*, the latest first."""
    t = tables.operating_points
    query = sa.select(t).where(t.c.detector == detector).order_by(t.c.id.desc()).limit(limit)
    with state.database.reads() as connection:
        rows = connection.execute(query).all()
    return [
        Noted(
            version=row.version, at=row.at, author=row.author, reason=row.reason,
            body=tables.from_json(_BODY, row.body, f"operating point {row.id}"),
        )
        for row in rows
    ]  # fmt: skip


_BODY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
