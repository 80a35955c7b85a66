"""Which of Kibana's rules `check` looks at."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from scoreback.connectors.elastic.kibana.checks import kibana_findings
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.names import Names

LAST = {"status": "failed", "message": "the key was revoked"}


class OneRule:
    """A Kibana that has one rule, whose last run failed."""

    version = "9.5.0"

    def __init__(self, rule: Mapping[str, Any]) -> None:
        summary = {"last_execution": LAST}
        self._rule = {"name": "x", "enabled": True, "execution_summary": summary, **rule}

    def require_space(self) -> None: ...

    def call(self, _method: str, _path: str, **_given: object) -> Mapping[str, Any]:
        return {"data": [self._rule], "total": 1}


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
    found = list(kibana_findings(cast("Kibana", OneRule(rule)), Names("soc")))
    assert bool(found) is told
    assert all("the key was revoked" in finding.what for finding in found)
