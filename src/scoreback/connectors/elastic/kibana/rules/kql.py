"""Which scores or health documents a rule looks at, in Kibana's query language and in ES|QL.

Nothing that comes from a file is written into a query but as a quoted value.
"""

from scoreback.connectors.elastic.writing.conditions import CONDITION
from scoreback.deployment import AlertRule, RuleKind
from scoreback.health import condition_of
from scoreback.records import Stage


def kql(rule: AlertRule) -> str:
    """The documents of *rule*, in Kibana's query language."""
    return " and ".join(f"{field}: {value}" for field, value in _terms(rule))


def esql_condition(rule: AlertRule) -> str:
    """The same for ``WHERE`` of ES|QL, once scores are joined."""
    return " AND ".join(f"{field} == {value}" for field, value in _terms(rule))


def quoted(value: str) -> str:
    """*value* as a text of either language: no wildcard, no operator, no end of the quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    for sign, written in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(sign, written)
    return f'"{escaped}"'


def _terms(rule: AlertRule) -> list[tuple[str, str]]:
    if rule.kind is RuleKind.HEALTH:
        return [
            ("scoreback.health.kind", quoted(CONDITION)),
            ("scoreback.health.subject", quoted(condition_of(rule))),
        ]
    # What is in force: another version's scores, and those for trying it, are no alerts.
    return [
        ("scoreback.detector", quoted(rule.detector)),
        ("scoreback.version", quoted(rule.version)),
        ("scoreback.stage", quoted(Stage.LIVE.value)),
        ("scoreback.alert", "true"),
    ]
