"""Entities as splunkd writes them: an Atom feed, or the same as JSON."""

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from tests.splunkd.messages import JSON, XML

BUILD = "simulator"
_NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:s="http://dev.splunk.com/ns/rest" '
    'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_EVERYONE = {"read": ["*"], "write": ["admin", "power"]}


@dataclass(frozen=True)
class Entry:
    """One entity."""

    name: str
    endpoint: str
    """Its collection below the namespace, as ``saved/searches``."""
    content: Mapping[str, Any]
    app: str = "system"
    owner: str = "nobody"
    sharing: str = "app"
    perms: Mapping[str, Sequence[str]] = field(default_factory=lambda: _EVERYONE)
    links: Sequence[str] = ()
    """Names of what can be done with it, beside listing, editing and removing."""
    removable: bool = True
    namespaced: bool = True
    published: float = 0.0
    optional_fields: Sequence[str] = ()

    @property
    def path(self) -> str:
        """Its address, without scheme and host."""
        root = f"/servicesNS/{self.owner}/{quote(self.app)}" if self.namespaced else "/services"
        return f"{root}/{self.endpoint}/{quote(self.name, safe='')}"

    @property
    def acl(self) -> dict[str, Any]:
        """Who may do what with it."""
        return {
            "app": self.app,
            "owner": self.owner,
            "sharing": self.sharing,
            "perms": {name: list(roles) for name, roles in self.perms.items()},
            "modifiable": True,
            "removable": self.removable,
            "can_write": True,
            "can_list": True,
            "can_change_perms": True,
            "can_share_app": True,
            "can_share_global": True,
            "can_share_user": True,
        }

    @property
    def all_links(self) -> dict[str, str]:
        """What can be done with it, and where."""
        links = {"alternate": self.path, "list": self.path, "edit": self.path}
        if self.removable:
            links["remove"] = self.path
        return links | {name: f"{self.path}/{name}" for name in self.links}


@dataclass(frozen=True)
class Feed:
    """A page of entities."""

    title: str
    entries: Sequence[Entry]
    total: int | None = None
    per_page: int = 30
    offset: int = 0
    messages: Sequence[tuple[str, str]] = ()


def response(
    feed: Feed, output_mode: str, version: str, origin: str, status: int = 200
) -> Response:
    """The feed in the format that was asked for."""
    if output_mode.startswith("json"):
        return Response(json.dumps(_as_json(feed, version, origin)), status, media_type=JSON)
    return Response(_as_xml(feed, version, origin), status, media_type=XML)


def _updated(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _as_json(feed: Feed, version: str, origin: str) -> dict[str, Any]:
    total = len(feed.entries) if feed.total is None else feed.total
    entries = [
        {
            "name": entry.name,
            "id": origin.split("/services", 1)[0] + entry.path,
            "updated": _updated(entry.published),
            "links": entry.all_links,
            "author": entry.owner,
            "acl": entry.acl,
            "fields": _attributes(entry),
            "content": {"eai:acl": None, **entry.content},
        }
        for entry in feed.entries
    ]
    return {
        "links": {"create": f"/services/{feed.title}/_new"},
        "origin": origin,
        "updated": _updated(0),
        "generator": {"build": BUILD, "version": version},
        "entry": entries,
        "paging": {"total": total, "perPage": feed.per_page, "offset": feed.offset},
        "messages": [{"type": kind, "text": text} for kind, text in feed.messages],
    }


def _attributes(entry: Entry) -> dict[str, Any]:
    return {"required": [], "optional": list(entry.optional_fields), "wildcard": [".*"]}


def _as_xml(feed: Feed, version: str, origin: str) -> str:
    total = len(feed.entries) if feed.total is None else feed.total
    said = "".join(f'<s:msg type="{kind}">{_escaped(text)}</s:msg>' for kind, text in feed.messages)
    lines = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feed {_NAMESPACES}>',
        f"<title>{_escaped(feed.title)}</title><id>{_escaped(origin)}</id>",
        f"<updated>{_updated(0)}</updated>",
        f'<generator build="{BUILD}" version="{version}"/><author><name>Splunk</name></author>',
        f"<opensearch:totalResults>{total}</opensearch:totalResults>",
        f"<opensearch:itemsPerPage>{feed.per_page}</opensearch:itemsPerPage>",
        f"<opensearch:startIndex>{feed.offset}</opensearch:startIndex>",
        f"<s:messages>{said}</s:messages>",
        *(entry_xml(entry, origin) for entry in feed.entries),
        "</feed>",
    ]
    return "\n".join(lines)


def entry_xml(entry: Entry, origin: str, namespaces: bool = False) -> str:
    """One entity; on its own it needs the namespaces."""
    links = "".join(
        f'<link href="{_escaped(href)}" rel="{name}"/>' for name, href in entry.all_links.items()
    )
    attributes = {
        "optionalFields": list(entry.optional_fields),
        "requiredFields": [],
        "wildcardFields": [".*"],
    }
    content = {**entry.content, "eai:acl": entry.acl, "eai:attributes": attributes}
    return (
        f"<entry{' ' + _NAMESPACES if namespaces else ''}><title>{_escaped(entry.name)}</title>"
        f"<id>{_escaped(origin.split('/services', 1)[0] + entry.path)}</id>"
        f"<updated>{_updated(entry.published)}</updated>{links}"
        f"<author><name>{_escaped(entry.owner)}</name></author>"
        f'<content type="text/xml">{value_xml(content)}</content></entry>'
    )


def value_xml(value: Any) -> str:  # noqa: ANN401
    """A value in splunkd's XML."""
    if isinstance(value, Mapping):
        keys = (
            f'<s:key name="{_escaped(str(k))}">{value_xml(v)}</s:key>' for k, v in value.items()
        )
        return f"<s:dict>{''.join(keys)}</s:dict>"
    if isinstance(value, list | tuple):
        return f"<s:list>{''.join(f'<s:item>{value_xml(v)}</s:item>' for v in value)}</s:list>"
    if isinstance(value, bool):
        return "1" if value else "0"
    return "" if value is None else _escaped(str(value))


def _escaped(text: str) -> str:
    return html.escape(_NOT_XML.sub("", text))
