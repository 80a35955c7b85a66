"""Which scores or health documents a rule reads, in Kibana's query language and in ES|QL.

A value from a file enters a query only as a quoted value.
"""

from scoreback.connectors.elastic.kibana.kql import text_of
from scoreback.connectors.elastic.writing.conditions import CONDITION
from scoreback.deployment import AlertRule, RuleKind
from scoreback.health import condition_of


def kql(rule: AlertRule) -> str:
    """The documents of *rule*, in Kibana's query language."""
    return " and ".join(f"{field}: {value}" for field, value in _terms(rule))


def esql_condition(rule: AlertRule) -> str:
    """The same for ``WHERE`` in ES|QL, after the scores are joined."""
    return " AND ".join(f"{field} == {value}" for field, value in _terms(rule))


def _terms(rule: AlertRule) -> list[tuple[str, str]]:
    if rule.kind is RuleKind.HEALTH:
        return [
            ("scoreback.health.kind", text_of(CONDITION)),
            ("scoreback.health.subject", text_of(condition_of(rule))),
        ]
    # Only what is in force: scores of other versions, and those for trials, are not alerts.
    return [
        ("scoreback.detector", text_of(rule.detector)),
        *([("scoreback.version", text_of(rule.version))] if rule.version else []),
        ("scoreback.stage", text_of(rule.stage.value)),
        ("scoreback.alert", "true"),
    ]
