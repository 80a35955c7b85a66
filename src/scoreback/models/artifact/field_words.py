"""What event fields are called in a sentence: ``5 users on ws-016``, ``rule R-440``.

It knows the field names of ECS, of Splunk's CIM, and of some tools whose exports Scoreback reads
unchanged. Any other field appears under its own name.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

_ON = ("host", "host.name", "host.hostname", "host.id", "host.ip", "hostname", "dvc", "computer",
       "computername", "winlog.computer_name", "devicename", "agent.name", "observer.name",
       "cloud.instance.name", "container.name")  # fmt: skip
_BY = ("user", "user.name", "user.email", "user.full_name", "user.id", "user_name", "username",
       "src_user", "source.user.name", "accountname", "userprincipalname",
       "winlog.event_data.targetusername", "winlog.event_data.subjectusername")  # fmt: skip
_FROM = ("source.ip", "source.address", "source.domain", "client.ip", "client.address", "src",
         "src_ip", "src_host", "id.orig_h", "sourceip", "callingipaddress")  # fmt: skip
_TO = ("destination.ip", "destination.address", "destination.domain", "server.ip",
       "server.address", "dest", "dest_ip", "dest_host", "id.resp_h", "destinationip")  # fmt: skip
_PREPOSITIONS: Mapping[str, str] = MappingProxyType(
    {field: word for word, fields in (("on", _ON), ("by", _BY), ("from", _FROM), ("to", _TO))
     for field in fields}
)  # fmt: skip

_NOUN_ROWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("host", "hosts", _ON),
    ("user", "users", _BY),
    ("source address", "source addresses", _FROM),
    ("destination", "destinations", _TO),
    ("rule", "rules",
     ("rule.id", "rule.name", "rule", "signature", "signature_id", "rule_name",
      "kibana.alert.rule.name", "alert.signature", "alert.signature_id")),
    ("destination port", "destination ports",
     ("destination.port", "server.port", "dest_port", "id.resp_p")),
    ("source port", "source ports", ("source.port", "src_port")),
    ("program", "programs",
     ("process.name", "process.executable", "process", "process_name")),
    ("parent program", "parent programs",
     ("process.parent.name", "process.parent.executable", "parent_process_name")),
    ("command line", "command lines", ("process.command_line",)),
    ("file", "files", ("file.name", "file.path", "file_name", "file_path")),
    ("file hash", "file hashes", ("file.hash.sha256", "file.hash.md5")),
    ("domain", "domains", ("dns.question.name", "url.domain", "query", "url_domain")),
    ("event code", "event codes", ("event.code", "eventid")),
    ("action", "actions", ("event.action", "action")),
    ("package", "packages", ("package.name",)),
    ("vulnerability", "vulnerabilities", ("vulnerability.id", "cve")),
    ("source country", "source countries",
     ("source.geo.country_name", "source.geo.country_iso_code")),
    ("user agent", "user agents", ("user_agent.original",)),
)  # fmt: skip
_NOUNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {field: (one, many) for one, many, fields in _NOUN_ROWS for field in fields}
)


def several(field: str, count: str) -> str:
    """*count* values of *field*: ``5 different users``, ``1 user``, ``3 different values of x``."""
    one, many = _NOUNS.get(field.lower(), (f"value of {field}", f"values of {field}"))
    return f"1 {one}" if count == "1" else f"{count} different {many}"


def called(field: str, value: str) -> str:
    """One value of *field*: ``rule R-440``, ``x.y 12``."""
    noun, _ = _NOUNS.get(field.lower(), (field, ""))
    return f"{noun} {value}"


def is_place(field: str) -> bool:
    """Whether *field* names something that events happen on, by, from or to."""
    return field.lower() in _PREPOSITIONS


def where(values: Iterable[tuple[str, str]]) -> str:
    """The fields and *values* that events share, in words: ``from 10.0.0.1 to 10.0.0.2``."""
    told = []
    for field, value in values:
        word = _PREPOSITIONS.get(field.lower())
        told.append(f"for {called(field, value)}" if word is None else f"{word} {value}")
    return " ".join(told)
