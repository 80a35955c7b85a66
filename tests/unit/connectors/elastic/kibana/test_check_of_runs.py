"""Which of Kibana's rules `check` looks at."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from scoreback.connectors.doors import ResourcesDoor
from scoreback.connectors.elastic.kibana.checks import kibana_findings
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.rules.body import rule_id
from scoreback.connectors.elastic.kibana.rules.mark import Marks
from scoreback.connectors.elastic.names import Names
from scoreback.deployment import Resource
from scoreback.records import Finding

LAST = {"status": "failed", "message": "the key was revoked"}


class OneRule:
    """A Kibana that has one rule, whose last run failed."""

    version = "9.5.0"

    def __init__(self, rule: Mapping[str, Any]) -> None:
        summary = {"last_execution": LAST}
        self._rule = {"name": "x", "enabled": True, "execution_summary": summary, **rule}

    def require_space(self) -> None: ...

    def call(self, _method: str, path: str, **_given: object) -> Mapping[str, Any] | None:
        if not path.endswith("/_find"):
            return None
        return {"data": [self._rule], "total": 1}


class Known:
    """Marks of *rules*."""

    def __init__(self, *rules: str) -> None:
        self._rules = rules

    def names(self) -> tuple[str, ...]:
        return self._rules


class NoDashboards:
    """A door that wants nothing."""

    def wanted(self) -> tuple[Resource, ...]:
        return ()


def findings(kibana: object, *marked: str) -> list[Finding]:
    """What `check` says of *kibana* where those rules have marks."""
    marks, dashboards = cast("Marks", Known(*marked)), cast("ResourcesDoor", NoDashboards())
    return list(kibana_findings(cast("Kibana", kibana), Names("soc"), marks, dashboards))


class Untagged(OneRule):
    """A Kibana whose one rule has lost our tag: it is found by its id alone."""

    def call(self, _method: str, path: str, **given: object) -> Mapping[str, Any] | None:
        if path.endswith("/_find"):
            return {"data": [], "total": 0}
        asked = cast("dict[str, str]", given["params"])["rule_id"]
        return self._rule if asked == rule_id(Names("soc"), "x") else None


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"index": ["scoreback.scores-soc"]}, True),
        ({"index": ["scoreback.health-soc"]}, True),
        ({"query": "FROM logs-* | LOOKUP JOIN scoreback-lookup-events-soc ON x"}, True),
        ({"index": ["scoreback.scores-other"]}, False),
        ({"index": ["logs-*"], "query": "user.name: x"}, False),
    ],
)
def test_rules_of_this_namespace_are_looked_at_whatever_they_read(
    rule: Mapping[str, Any], told: bool
) -> None:
    found = findings(OneRule(rule), "gone")
    assert bool(found) is told
    assert all("the key was revoked" in finding.what for finding in found)


def test_a_rule_that_somebody_took_our_tag_from_is_looked_at_all_the_same() -> None:
    assert findings(Untagged({})) == []
    (finding,) = findings(Untagged({}), "another", "x")
    assert "the key was revoked" in finding.what
