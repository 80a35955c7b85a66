"""What a run of a rule is given, and what becomes of it."""

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.kibana import alerts_index, times

if TYPE_CHECKING:
    from tests.kibana.rules.store import Rule
    from tests.kibana.simulator import Simulator

Body = dict[str, Any]
Hit = dict[str, Any]
LIMIT_REACHED = (
    "This rule reached the maximum alert limit for the rule execution. "
    "Some alerts were not created."
)
_ORDER = {"succeeded": 0, "going to run": 10, "running": 15, "partial failure": 20, "failed": 30}


@dataclass
class Run:
    """One run: over which rule, when, where its alerts go, and what came out."""

    simulator: "Simulator"
    space: str
    rule: "Rule"
    started: float
    """By the simulator's clock."""
    alias: str
    """Where alerts are written."""
    execution: str = field(default_factory=lambda: str(uuid.uuid4()))
    searched: list[str] = field(default_factory=list)
    """The index patterns that were searched."""
    created: int = 0
    suppressed: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    gap: tuple[float, float] | None = None
    """From when to when nothing was searched, because the rule had not run for long."""

    @property
    def body(self) -> Body:
        """The rule."""
        return self.rule.body

    @property
    def now(self) -> str:
        """When it runs, as it is written into alerts."""
        return times.iso(self.started)

    @property
    def timestamps(self) -> tuple[str, str | None]:
        """The field that tells an event's time, and the one that does where it is missing."""
        primary = self.body.get("timestamp_override") or "@timestamp"
        falls_back = not self.body.get("timestamp_override_fallback_disabled")
        return primary, "@timestamp" if falls_back and primary != "@timestamp" else None

    def warn(self, text: str) -> None:
        """Note something once."""
        if text not in self.warnings:
            self.warnings.append(text)

    @property
    def status(self) -> str:
        """``succeeded``, ``partial failure`` or ``failed``."""
        if self.errors or self.gap:
            return "failed"
        return "partial failure" if self.warnings else "succeeded"

    @property
    def message(self) -> str:
        """What the API shows of it."""
        if self.errors:
            return ", ".join(self.errors)
        if self.gap:
            seconds = self.gap[1] - self.gap[0]
            return (
                f"{seconds / 60:g} minutes ({int(seconds * 1000)}ms) were not queried between this "
                "rule execution and the last execution, so signals may have been missed. Consider "
                "increasing your look behind time or adding more Kibana instances"
            )
        return ", ".join(self.warnings) or "Rule execution completed successfully"

    def summary(self) -> Body:
        """As the API shows a rule's last run."""
        metrics: Body = {
            "total_search_duration_ms": 1,
            "total_indexing_duration_ms": 1,
            "total_enrichment_duration_ms": 0,
        }
        if self.gap:
            metrics["execution_gap_duration_s"] = int(self.gap[1] - self.gap[0])
            metrics["gap_range"] = {
                "gte": times.iso(self.gap[0]),
                "lte": times.iso(self.gap[1]),
                "type": "date_range",
            }
        return {
            "last_execution": {
                "date": self.now,
                "status": self.status,
                "status_order": _ORDER[self.status],
                "message": self.message,
                "metrics": metrics,
            }
        }


def alerts_alias(space: str) -> str:
    """Where the alerts of a space's rules go."""
    return alerts_index.alias(space)


def preview_alias(space: str) -> str:
    """Where the alerts of previews go."""
    return f".preview{alerts_index.alias(space)}"
