"""Which privilege each call to Elasticsearch needs, and whether a role has it.

Written down from Elastic's documentation and the published source of its privileges; the core node
has no security, so no server confirms it. A call that is not in the table is an error: whoever adds
one says here what it needs, and the roles of the product's keys have to cover it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

CLUSTER = ""
"""In place of an index: a privilege of the cluster."""
_INCLUDED: Mapping[str, frozenset[str]] = {
    "manage": frozenset(
        {"create_index", "delete_index", "view_index_metadata", "maintenance", "auto_configure"}
    ),
    "write": frozenset({"index", "create", "create_doc", "delete"}),
    "index": frozenset({"create", "create_doc"}),
    "create": frozenset({"create_doc"}),
    "create_index": frozenset({"auto_configure"}),
}
_OF_CLUSTER: tuple[tuple[str, str, str], ...] = (
    ("GET", r"/", "monitor"),
    ("GET", r"/_nodes/.*", "monitor"),
    ("GET", r"/_license", "monitor"),
    ("GET", r"/_(component|index)_template/.*", "monitor"),
    ("PUT|DELETE", r"/_(component|index)_template/.*", "manage_index_templates"),
    ("GET|PUT|DELETE|POST", r"/_ingest/pipeline(/.*)?", "manage_ingest_pipelines"),
)
_OF_NOBODY: tuple[tuple[str, str], ...] = (
    ("POST", r"/_security/user/_has_privileges"),
    ("GET", r"/_security/_authenticate"),
    ("GET", r"/_security/api_key"),  # of oneself
    ("DELETE", r"/_pit"),  # of oneself
    ("POST", r"/_search"),  # of a point in time, which needed the right to read
)
_OF_INDEX: tuple[tuple[str, str, str], ...] = (
    ("POST|GET", r"/([^_][^/]*)/_(search|count|pit|field_caps|msearch|mget)", "read"),
    ("GET", r"/([^_][^/]*)/_(doc|source)/[^/]+", "read"),
    ("GET", r"/([^_][^/]*)", "view_index_metadata"),
    ("GET", r"/([^_][^/]*)/_(mapping|settings|alias)(/.*)?", "view_index_metadata"),
    ("GET", r"/_resolve/index/([^/]+)", "view_index_metadata"),
    ("GET", r"/_data_stream/([^/]+)(/_lifecycle)?", "view_index_metadata"),
    ("PUT", r"/_data_stream/([^/]+)/_lifecycle", "manage"),
    ("DELETE", r"/_data_stream/([^/]+)", "delete_index"),
    ("PUT", r"/([^_][^/]*)", "create_index"),
    ("DELETE", r"/([^_][^/]*)", "delete_index"),
    ("PUT", r"/([^_][^/]*)/_(mapping|settings)", "manage"),
    ("POST", r"/([^_][^/]*)/_rollover(/.*)?", "manage"),
    ("POST", r"/([^_][^/]*)/_refresh", "maintenance"),
    ("PUT", r"/([^_][^/]*)/_doc/[^/]+", "index"),
    ("POST", r"/([^_][^/]*)/_doc", "create_doc"),
    ("PUT|POST", r"/([^_][^/]*)/_create/[^/]+", "create_doc"),
    ("POST", r"/([^_][^/]*)/_update/[^/]+", "index"),
    ("DELETE", r"/([^_][^/]*)/_doc/[^/]+", "delete"),
)
_BULK = re.compile(r"(?:/([^_][^/]*))?/_bulk")
_ITEMS = {"create": "create_doc", "index": "index", "update": "index", "delete": "delete"}


class Unknown(AssertionError):
    """Nobody has written down what a call needs."""


@dataclass(frozen=True, order=True)
class Need:
    """One privilege that a call needs."""

    index: str
    """Name or pattern; `CLUSTER` where it is the cluster's."""
    privilege: str


def needs(method: str, target: str, body: bytes | None = None) -> set[Need]:
    """What the call needs; *target* is its path with the query.

    Raises:
        Unknown: it is not in the table.
    """
    parts = urlsplit(target)
    path, query = parts.path, dict(parse_qsl(parts.query))
    found = set(_needs(method, path, query, body))
    if query.get("refresh", "false") != "false":
        found |= {Need(one.index, "maintenance") for one in found if one.index != CLUSTER}
    return found


def _needs(method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Iterator[Need]:
    bulk = _BULK.fullmatch(path)
    if bulk:
        yield from _of_bulk(bulk[1], query, body or b"")
        return
    if path == "/_mget":
        for one in json.loads(body or b"{}")["docs"]:
            yield Need(one["_index"], "read")
        return
    if any(re.fullmatch(m, method) and re.fullmatch(p, path) for m, p in _OF_NOBODY):
        return
    for methods, pattern, privilege in _OF_CLUSTER:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            yield Need(CLUSTER, privilege)
            return
    for methods, pattern, privilege in _OF_INDEX:
        match = re.fullmatch(pattern, path) if re.fullmatch(methods, method) else None
        if match:
            creates = privilege == "index" and query.get("op_type") == "create"
            for name in unquote(match[1]).split(","):
                yield Need(name, "create_doc" if creates else privilege)
            return
    raise Unknown(f"nothing says which privilege {method} {path} needs: add it to rights.py")


def _of_bulk(index: str | None, query: Mapping[str, str], body: bytes) -> Iterator[Need]:
    lines = iter(line for line in body.split(b"\n") if line)
    for line in lines:
        ((kind, about),) = json.loads(line).items()
        if kind != "delete":
            next(lines)
        name = about.get("_index") or unquote(index or "")
        yield Need(name, _ITEMS[kind])
        if query.get("require_data_stream") == "true":
            yield Need(name, "auto_configure")


def lacking(role: Mapping[str, Any], wanted: Iterable[Need]) -> list[Need]:
    """Those of *wanted* that *role*, a role descriptor, does not have."""
    return sorted(one for one in wanted if not has(role, one))


def has(role: Mapping[str, Any], wanted: Need) -> bool:
    """Whether *role* has the privilege, itself or within a wider one."""
    if wanted.index == CLUSTER:
        return _within(role.get("cluster", ()), wanted.privilege)
    given: set[str] = set()
    for entry in role.get("indices", role.get("index", ())):
        if any(_covers(name, wanted.index) for name in entry["names"]):
            given |= set(entry["privileges"])
    return _within(given, wanted.privilege)


def _within(given: Iterable[str], privilege: str) -> bool:
    return any(one in ("all", privilege) or privilege in _INCLUDED.get(one, ()) for one in given)


def _covers(pattern: str, name: str) -> bool:
    """Whether all that *name* can match is matched by *pattern*; a stream's indices are its own."""
    words = [re.escape(word) for word in pattern.split("*")]
    return re.fullmatch(".*".join(words), of_stream(name)) is not None


def of_stream(name: str) -> str:
    """The data stream whose backing index *name* is, else *name*."""
    return re.sub(r"^\.ds-(.*)-\d{4}\.\d{2}\.\d{2}-\d{6}$", r"\1", name)
