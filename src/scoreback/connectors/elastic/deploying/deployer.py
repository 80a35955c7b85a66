"""Puts Scoreback's objects into the cluster, each with a mark and a digest of what was written."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from scoreback import __version__
from scoreback.connectors.elastic.deploying.resources import COMPONENT, INDEX, STREAM, TEMPLATE
from scoreback.connectors.elastic.wire.client import Client
from scoreback.deployment import Found, Resource, Standing
from scoreback.errors import SiemRefused

_PATHS = {
    COMPONENT: "/_component_template/{}",
    TEMPLATE: "/_index_template/{}",
    STREAM: "/_data_stream/{}",
    INDEX: "/{}",
}
_LIFECYCLE = "/_data_stream/{}/_lifecycle"
_OWNER = "scoreback"
_ABSENT = "absent"
# What a server adds by itself, by version; it means the same as a missing value.
_DEFAULTS: Mapping[str, object] = {
    "template.lifecycle.enabled": "true",
    "data_stream.hidden": "false",
    "data_stream.allow_custom_routing": "false",
}
# What says nothing, and is there or not, as the server likes: it writes no settings as "index".
_NOTHING = (("data_stream", "{}"), ("template.settings", "{}"), ("template.settings.index", "{}"))
_NOT_OURS = ("created_date", "modified_date", "version")


def standing(client: Client, wanted: Resource) -> Found:
    """How *wanted* stands in the cluster now."""
    if wanted.kind == STREAM:
        return _standing_of_stream(client, wanted)
    there = _there(client, wanted)
    if there is None:
        return Found(standing=Standing.ABSENT)
    body, mark = there
    now, will = _flat(body), _flat(wanted.body)
    if wanted.kind == INDEX:  # settings and fields that others added do no harm
        now = {k: v for k, v in now.items() if k in will}
    differences = _differences(now, will)
    if not mark:
        return Found(standing=Standing.FOREIGN, differences=differences)
    if not differences:
        return Found(standing=Standing.CURRENT)
    written = mark.get("digest") == _digest(now)
    kind = Standing.OUTDATED if written else Standing.EDITED
    return Found(standing=kind, differences=differences)


def apply(client: Client, wanted: Resource) -> None:
    """Create or replace *wanted*; an index keeps its data.

    Raises:
        SiemRefused: a privilege is missing, or an existing index cannot be changed into the wanted
            one.
    """
    if wanted.kind == STREAM:
        _keep(client, wanted.name, _lifecycle(client, wanted.name), _retention(wanted.body))
        return
    mark = {_OWNER: {"digest": _digest(_flat(wanted.body)), "written_by": __version__}}
    if wanted.kind == INDEX:
        _apply_index(client, wanted, mark)
        return
    if wanted.kind == TEMPLATE:
        _follow(client, wanted)
    client.call("PUT", _PATHS[wanted.kind].format(wanted.name), {**wanted.body, "_meta": mark})
    if wanted.kind == COMPONENT:
        _update_stream(client, wanted)


def remove(client: Client, what: Resource) -> None:
    """Remove *what* with its data; it need not exist.

    Raises:
        SiemRefused: a privilege is missing, or the object is in use.
    """
    if what.kind in (INDEX, STREAM) and _there(client, what) is None:
        return
    client.call("DELETE", _PATHS[what.kind].format(what.name), absent=(404,))


def _apply_index(client: Client, wanted: Resource, mark: Mapping[str, object]) -> None:
    mappings = {**_mapping(wanted.body, "mappings"), "_meta": mark}
    if _there(client, wanted) is None:
        client.call("PUT", f"/{wanted.name}", {**wanted.body, "mappings": mappings})
        return
    replicas = _flat(wanted.body).get("settings.index.number_of_replicas")
    if replicas is not None:  # everything else of an index is fixed when it is created
        body = {"index": {"number_of_replicas": int(replicas)}}
        client.call("PUT", f"/{wanted.name}/_settings", body)
    try:
        client.call("PUT", f"/{wanted.name}/_mapping", mappings)
    except SiemRefused as error:
        raise SiemRefused(
            f"index {wanted.name} cannot take the new mapping: {error.message}",
            hint="copy its documents to an index with another name, remove it and apply again",
        ) from error


def _update_stream(client: Client, component: Resource) -> None:
    """Give a stream its new mapping, or a new backing index if the mapping cannot be changed."""
    stream = component.name.partition("@")[0]
    if _there(client, Resource(kind=STREAM, name=stream, body={})) is None:
        return
    template = _mapping(component.body, "template")
    try:
        client.call("PUT", f"/{stream}/_mapping", template["mappings"])
    except SiemRefused:
        client.call("POST", f"/{stream}/_rollover")


def _standing_of_stream(client: Client, wanted: Resource) -> Found:
    """Whether a stream has the wanted retention; if there is no stream, its template counts."""
    will, there = _retention(wanted.body), _lifecycle(client, wanted.name)
    if there is None:
        return Found(standing=Standing.AWAITED)
    now = _retention(there)
    if will in (_ABSENT, now):  # a policy, if there is one, decides the retention
        return Found(standing=Standing.CURRENT)
    kind = Standing.OUTDATED if now == _told(client, wanted.name) else Standing.EDITED
    return Found(standing=kind, differences=(f"lifecycle.data_retention: {now} -> {will}",))


def _keep(client: Client, stream: str, there: Mapping[str, Any] | None, retention: str) -> None:
    """Set the retention of *stream*; others decide how it is downsampled."""
    if there is None or retention == _ABSENT:
        return
    now = _mapping(there, "lifecycle")
    others = {key: now[key] for key in ("downsampling", "downsampling_method") if key in now}
    client.call("PUT", _LIFECYCLE.format(stream), {**others, "data_retention": retention})


def _follow(client: Client, template: Resource) -> None:
    """Give a stream that follows its template the new retention before the template gets it."""
    will = _retention(_mapping(template.body, "template"))
    there = _lifecycle(client, template.name)
    if there is not None and _retention(there) == _told(client, template.name):
        _keep(client, template.name, there, will)


def _lifecycle(client: Client, stream: str) -> Mapping[str, Any] | None:
    """The stream's lifecycle in the cluster; None if there is no stream."""
    found = client.call("GET", _LIFECYCLE.format(stream), absent=(404,))
    return found["data_streams"][0] if found and found["data_streams"] else None


def _told(client: Client, stream: str) -> str | None:
    """The retention that Scoreback's template gives a new stream; None if nobody's or edited."""
    there = _there(client, Resource(kind=TEMPLATE, name=stream, body={}))
    if there is None or there[1].get("digest") != _digest(_flat(there[0])):
        return None
    return _retention(_mapping(there[0], "template"))


def _retention(body: Mapping[str, object]) -> str:
    lifecycle = _mapping(body, "lifecycle")
    return (
        str(lifecycle.get("data_retention", _ABSENT)) if lifecycle.get("enabled", True) else _ABSENT
    )


def _there(client: Client, wanted: Resource) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The body in the cluster and Scoreback's mark on it; empty if there is none."""
    if wanted.kind == STREAM:
        found = client.call("GET", f"/_resolve/index/{wanted.name}", absent=(404,))
        return ({}, {}) if found and found["data_streams"] else None
    path = _PATHS[wanted.kind].format(wanted.name)
    found = client.call("GET", path, absent=(404,))
    if not found:
        return None
    if wanted.kind == INDEX:
        index = found.get(wanted.name)
        if index is None:
            return None
        mappings = dict(index["mappings"])
        mark = mappings.pop("_meta", {}).get(_OWNER, {})
        return {"mappings": mappings, "settings": index["settings"]}, mark
    key, inner = {
        COMPONENT: ("component_templates", "component_template"),
        TEMPLATE: ("index_templates", "index_template"),
    }[wanted.kind]
    body = dict(found[key][0][inner])
    mark = body.pop("_meta", {}).get(_OWNER, {})
    return body, mark


def _flat(body: object, above: str = "") -> dict[str, str]:
    """Leaves by dotted path as text, because a server may nest its answer differently."""
    if isinstance(body, Mapping):
        found: dict[str, str] = {}
        for key, below in body.items():
            if not above and key.startswith(_NOT_OURS):
                continue
            found |= _flat(below, f"{above}.{key}" if above else str(key))
        if not body and above:
            found[above] = "{}"
        return {k: v for k, v in found.items() if _DEFAULTS.get(k) != v and (k, v) not in _NOTHING}
    if isinstance(body, list | tuple):
        if body and isinstance(body[0], Mapping):
            parts = {str(i): item for i, item in enumerate(body)}
            return _flat(parts, above)
        return {above: msgspec.json.encode(list(body)).decode()}
    return {above: str(body).lower() if isinstance(body, bool) else str(body)}


def _differences(now: Mapping[str, str], will: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{key}: {now.get(key, _ABSENT)} -> {will.get(key, _ABSENT)}"
        for key in sorted({*now, *will})
        if now.get(key) != will.get(key)
    )


def _digest(flat: Mapping[str, str]) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(flat.items()))).hexdigest()[:32]


def _mapping(body: Mapping[str, object], key: str) -> Mapping[str, Any]:
    found = body.get(key, {})
    return found if isinstance(found, Mapping) else {}


__all__: Sequence[str] = ["apply", "remove", "standing"]
