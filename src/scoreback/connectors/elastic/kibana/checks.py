"""Findings about what is missing or goes wrong in Kibana, each with its fix; none stops scoring."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scoreback.connectors.doors import ResourcesDoor
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.rules.body import OUR_TAG, rule_id
from scoreback.connectors.elastic.kibana.rules.door import PATH
from scoreback.connectors.elastic.kibana.rules.mark import Marks
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.resource_findings import resource_findings
from scoreback.errors import ConfigError, SiemRefused, SiemUnavailable
from scoreback.records import Finding

_PAGE = 100
# A rule says this about a stream that its first document will create: nothing is wrong.
_NOT_BEGUN = "no index matching"
_FAILING = frozenset({"failed", "partial failure", "warning"})


def kibana_findings(
    kibana: Kibana, names: Names, marks: Marks, dashboards: ResourcesDoor
) -> Iterator[Finding]:
    """Findings about Kibana, its space, the login, and Scoreback's dashboards and rules.

    Args:
        kibana: the connection to Kibana.
        names: the names of Scoreback's streams and indices.
        marks: the marks of the rules that Scoreback wrote.
        dashboards: the door for dashboards and their data views.
    """
    try:
        _ = kibana.version
        kibana.require_space()
        things = list(resource_findings(dashboards))
        rules = list(_our_rules(kibana, names, marks))
    except (SiemUnavailable, SiemRefused, ConfigError) as error:
        # Events are still read and scored, so detectors work; they only raise no alerts.
        yield Finding(what=error.message, fix=error.hint, fatal=False)
        return
    yield from (replace(thing, fatal=False) for thing in things)
    for rule in rules:
        yield from _execution(rule)


def _our_rules(kibana: Kibana, names: Names, marks: Marks) -> Iterator[Mapping[str, Any]]:
    """Scoreback's rules: those with its tag, also copies, and those whose tag somebody removed."""
    seen = set()
    for rule in _tagged(kibana, names):
        seen.add(rule.get("rule_id"))
        yield rule
    for name in marks.names():
        params = {"rule_id": rule_id(names, name)}
        if params["rule_id"] not in seen:
            there = kibana.call("GET", PATH, params=params, absent=(404,))
            if there is not None:
                yield there


def _tagged(kibana: Kibana, names: Names) -> Iterator[Mapping[str, Any]]:
    page = 1
    while True:
        params = {
            "page": page,
            "per_page": _PAGE,
            "filter": f'alert.attributes.tags: "{OUR_TAG}"',
            "sort_field": "name",
            "sort_order": "asc",
        }
        found = kibana.call("GET", f"{PATH}/_find", params=params)
        for rule in found["data"]:
            looks_at = set(rule.get("index") or ())
            # A rule over events names no index of Scoreback's: it joins events with the lookup
            # index.
            joins = names.events_lookup in str(rule.get("query"))
            if joins or {names.scores, names.health} & looks_at:
                yield rule
        if page * _PAGE >= found["total"]:
            return
        page += 1


def _execution(rule: Mapping[str, Any]) -> Iterator[Finding]:
    """A finding about a rule's last run."""
    last = (rule.get("execution_summary") or {}).get("last_execution") or {}
    name, said = rule.get("name"), " ".join(str(last.get("message") or "").split())[:300]
    if not rule.get("enabled") or not last or _NOT_BEGUN in said:
        return
    gap = (last.get("metrics") or {}).get("execution_gap_duration_s")
    if gap:
        yield Finding(
            what=f"Kibana's rule {name!r} missed {gap / 60:.0f} min, because it did not run",
            fix="fill the gap in Kibana (Rules, the rule, Execution results), or run the rule"
            " manually for that time",
            fatal=False,
        )
    elif last.get("status") in _FAILING:
        yield Finding(
            what=f"Kibana's rule {name!r} ended its last run with {last['status']!r}: {said}",
            fix="is the API key that wrote it still valid, and may it read the scores? A rule runs"
            " with the rights of whoever last wrote it: run `scoreback apply` with a working key"
            " to renew them",
            fatal=False,
        )
