"""Alert rules for tests of detection rules."""

from datetime import timedelta
from typing import Any

from scoreback.connectors.elastic.names import Names
from scoreback.deployment import AlertRule, Reads, RuleKind
from scoreback.health import OWN
from scoreback.records import Severity

NAMES = Names("soc")


def rule(name: str = "exfil_dns", **given: Any) -> AlertRule:  # noqa: ANN401 - of a rule
    """A rule over scores."""
    return AlertRule(
        **{
            "name": name, "detector": name, "version": "v3-1f2e3d4c", "per_entity": 3,
            "throttle": timedelta(hours=1), "budget": 20.0, "severity": Severity.MEDIUM,
            "entity_field": "source.ip", "description": "threat detection, scored by v3",
            "owner": "soc@example.org", "attack": ("T1071.004", "T1048"), **given,
        }
    )  # fmt: skip


def events_rule(*index: str, **given: Any) -> AlertRule:  # noqa: ANN401 - of a rule
    """A rule over events with their scores beside them."""
    selection = {"index": list(index) or "logs-endpoint.events.*"}
    return rule(reads=Reads.EVENTS, selection=selection, **given)


def health_rule(condition: str = "stale", **given: Any) -> AlertRule:  # noqa: ANN401 - of a rule
    """A rule about detectors."""
    return rule(
        f"health.{condition}", detector=OWN, version="", kind=RuleKind.HEALTH, per_entity=1,
        throttle=timedelta(0), description="a detector's health: no new events are scored",
        entity_field="scoreback.detector", notes=f"docs/runbook/{condition}.md", attack=(),
        owner="", **given,
    )  # fmt: skip
