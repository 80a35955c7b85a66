"""The fields of an alerts index: Kibana's own by the version that brought them, and ECS.

Of ECS only what detections and our score documents use: a real alerts index maps all of it. The
types are those of ECS and of the field maps in Kibana's source. Which version brought a field is
from release notes and the dates of changes in that source: no real server has confirmed it.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Release = tuple[int, int]

_OWN = {
    "keyword": """
        kibana.alert.action_group kibana.alert.ancestors.id kibana.alert.ancestors.index
        kibana.alert.ancestors.rule kibana.alert.ancestors.type kibana.alert.building_block_type
        kibana.alert.group.id kibana.alert.instance.id kibana.alert.new_terms
        kibana.alert.original_event.action kibana.alert.original_event.category
        kibana.alert.original_event.code kibana.alert.original_event.dataset
        kibana.alert.original_event.id kibana.alert.original_event.kind
        kibana.alert.original_event.module kibana.alert.original_event.outcome
        kibana.alert.original_event.provider kibana.alert.original_event.reason
        kibana.alert.original_event.type kibana.alert.reason kibana.alert.rule.author
        kibana.alert.rule.building_block_type kibana.alert.rule.category
        kibana.alert.rule.consumer kibana.alert.rule.created_by kibana.alert.rule.description
        kibana.alert.rule.enabled kibana.alert.rule.execution.uuid
        kibana.alert.rule.false_positives kibana.alert.rule.from kibana.alert.rule.immutable
        kibana.alert.rule.interval kibana.alert.rule.license kibana.alert.rule.max_signals
        kibana.alert.rule.name kibana.alert.rule.note kibana.alert.rule.producer
        kibana.alert.rule.references kibana.alert.rule.rule_id
        kibana.alert.rule.rule_name_override kibana.alert.rule.rule_type_id
        kibana.alert.rule.tags kibana.alert.rule.timestamp_override kibana.alert.rule.to
        kibana.alert.rule.type kibana.alert.rule.updated_by kibana.alert.rule.uuid
        kibana.alert.rule.version kibana.alert.severity kibana.alert.status
        kibana.alert.threshold_result.cardinality.field
        kibana.alert.threshold_result.terms.field kibana.alert.threshold_result.terms.value
        kibana.alert.uuid kibana.alert.workflow_reason kibana.alert.workflow_status
        kibana.alert.workflow_user kibana.space_ids""",
    "date": """
        kibana.alert.end kibana.alert.last_detected kibana.alert.original_event.created
        kibana.alert.original_event.end kibana.alert.original_event.ingested
        kibana.alert.original_event.start kibana.alert.original_time
        kibana.alert.rule.created_at kibana.alert.rule.updated_at kibana.alert.start
        kibana.alert.threshold_result.from""",
    "long": """
        kibana.alert.ancestors.depth kibana.alert.depth kibana.alert.original_event.severity
        kibana.alert.original_event.sequence kibana.alert.threshold_result.cardinality.value
        kibana.alert.threshold_result.count""",
    "integer": "kibana.alert.group.index",
    "float": """
        kibana.alert.original_event.risk_score kibana.alert.original_event.risk_score_norm
        kibana.alert.risk_score""",
    "version": "kibana.version",
}
"""Since 8.0; ``workflow_reason`` among them, though nothing fills it before 9.2."""

_LATER: dict[Release, dict[str, str]] = {
    (8, 6): {
        "date": "kibana.alert.suppression.end kibana.alert.suppression.start",
        "long": "kibana.alert.suppression.docs_count",
        "keyword": "kibana.alert.suppression.terms.field kibana.alert.suppression.terms.value",
    },
    (8, 8): {"keyword": "kibana.alert.case_ids", "long": "kibana.alert.rule.revision"},
    (8, 9): {"keyword": "kibana.alert.workflow_tags"},
    (8, 10): {"date": "kibana.alert.workflow_status_updated_at"},
    (8, 12): {"keyword": "kibana.alert.workflow_assignee_ids"},
    (8, 16): {
        "date": "kibana.alert.intended_timestamp kibana.alert.rule.execution.timestamp",
        "keyword": "kibana.alert.rule.execution.type",
    },
}

ECS = {
    "date": "@timestamp event.created event.end event.ingested event.start",
    "match_only_text": "message",
    "ip": """
        client.ip destination.ip dns.resolved_ip host.ip related.ip server.ip source.ip""",
    "long": """
        destination.bytes destination.packets destination.port event.duration event.sequence
        event.severity http.request.body.bytes http.request.bytes http.response.body.bytes
        http.response.bytes http.response.status_code network.bytes network.packets process.pid
        process.parent.pid source.bytes source.packets source.port url.port""",
    "float": """
        event.risk_score event.risk_score_norm vulnerability.score.base""",
    "wildcard": """
        process.command_line url.full url.original url.path""",
    "keyword": """
        agent.id agent.name agent.type client.domain cloud.account.id cloud.instance.id
        container.id data_stream.dataset data_stream.namespace data_stream.type
        destination.address destination.domain dns.question.name dns.question.type
        dns.response_code ecs.version event.action event.category event.code event.dataset
        event.hash event.id event.kind event.module event.original event.outcome event.provider
        event.reason event.reference event.timezone event.type event.url file.hash.md5
        file.hash.sha1 file.hash.sha256 file.name file.path host.hostname host.id host.name
        host.os.family host.os.name http.request.method http.request.referrer
        network.application network.community_id network.direction network.protocol
        network.transport observer.name process.args process.entity_id process.executable
        process.hash.sha256 process.name process.parent.executable process.parent.name
        registry.path related.hash related.hosts related.user rule.author rule.category
        rule.description rule.id rule.license rule.name rule.reference rule.ruleset rule.uuid
        rule.version server.domain source.address source.domain tags threat.framework
        threat.tactic.id threat.tactic.name threat.tactic.reference threat.technique.id
        threat.technique.name threat.technique.reference tls.client.ja3
        tls.server.ja3s url.domain user.domain user.email user.id user.name user.target.name
        user_agent.name user_agent.original vulnerability.id vulnerability.score.version
        vulnerability.severity""",
}


_ON_A_CORE_NODE = {"wildcard": "keyword", "version": "keyword", "match_only_text": "text"}
"""What stands in for field types that Elasticsearch's core server lacks."""


def own_fields(release: Release) -> dict[str, str]:
    """Kibana's own fields in the mapping of *release*, by name, with their types."""
    fields = dict(_listed(_OWN))
    for since, more in _LATER.items():
        if release >= since:
            fields.update(_listed(more))
    return fields


def ecs_fields() -> dict[str, str]:
    """The ECS fields of the mapping, by name, with their types."""
    return dict(_listed(ECS))


def properties(fields: Mapping[str, str]) -> dict[str, Any]:
    """Elasticsearch's nested mapping of flat names, with types that a core node has."""
    tree: dict[str, Any] = {}
    for name, kind in fields.items():
        *parents, leaf = name.split(".")
        level = tree
        for parent in parents:
            level = level.setdefault(parent, {}).setdefault("properties", {})
        level[leaf] = {"type": _ON_A_CORE_NODE.get(kind, kind)}
        if level[leaf]["type"] == "keyword" and not name.startswith("kibana."):
            level[leaf]["ignore_above"] = 1024
    return tree


def _listed(table: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((name, kind) for kind, names in table.items() for name in names.split())
