"""The names of event fields in Splunk: its Common Information Model beside ECS.

A detector's own ``fields`` come first. Any other field is searched under its own name, which JSON
events often have, also where JSON has a list on the path (``a{}.b``), and then under the names in
this table.
"""

from collections.abc import Iterable, Mapping

CIM: Mapping[str, str] = {
    "destination.bytes": "bytes_in",
    "destination.ip": "dest",
    "destination.mac": "dest_mac",
    "destination.port": "dest_port",
    "dns.question.name": "query",
    "dns.question.type": "record_type",
    "dns.response_code": "reply_code",
    "event.action": "action",
    "event.code": "EventCode",
    "event.duration": "duration",
    "event.severity": "severity",
    "file.hash.sha256": "file_hash",
    "file.name": "file_name",
    "file.path": "file_path",
    "file.size": "file_size",
    "host.name": "host",
    "http.request.method": "http_method",
    "http.request.referrer": "http_referrer",
    "http.response.status_code": "status",
    "network.application": "app",
    "network.bytes": "bytes",
    "network.packets": "packets",
    "network.protocol": "protocol",
    "network.transport": "transport",
    "observer.name": "dvc",
    "process.command_line": "process",
    "process.executable": "process_path",
    "process.name": "process_name",
    "process.parent.command_line": "parent_process",
    "process.parent.executable": "parent_process_path",
    "process.parent.name": "parent_process_name",
    "process.parent.pid": "parent_process_id",
    "process.pid": "process_id",
    "registry.path": "registry_path",
    "rule.category": "category",
    "rule.id": "signature_id",
    "rule.name": "signature",
    "service.name": "service_name",
    "source.bytes": "bytes_out",
    "source.ip": "src",
    "source.mac": "src_mac",
    "source.port": "src_port",
    "source.user.name": "src_user",
    "url.domain": "url_domain",
    "url.full": "url",
    "url.path": "uri_path",
    "url.query": "uri_query",
    "user.name": "user",
    "user_agent.original": "http_user_agent",
    "vulnerability.id": "cve",
}
_MOST_LEVELS = 6  # maximum dots of a name that is tried with lists on the path


def candidates(field: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """The names of *field* in Splunk; the first one that an event has counts."""
    if field in given:
        return (given[field],)
    found = [field]
    parts = field.split(".")
    if len(parts) <= _MOST_LEVELS:
        found += [
            ".".join([*parts[:i], f"{parts[i]}{{}}", *parts[i + 1 :]]) for i in range(len(parts))
        ]
    if field in CIM:
        found.append(CIM[field])
    return tuple(found)


def fields_of(names: Iterable[str], given: Mapping[str, str]) -> tuple[str, ...]:
    """The field names, sorted, by which detectors can ask for what Splunk calls *names*."""
    found: set[str] = set()
    there = set(names)
    for name in there:
        plain = name.replace("{}", "")
        if name in candidates(plain, given):
            found.add(plain)
    found |= {ours for ours, theirs in CIM.items() if theirs in there and ours not in given}
    found |= {ours for ours, theirs in given.items() if theirs in there}
    return tuple(sorted(found))
