"""Records of detection rules as written, kept in the cluster: not every Kibana can keep marks.

A record has what was sent and what Kibana made of it. This tells a user's edit from an earlier
version by Scoreback, and from what Kibana itself adds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self
from urllib.parse import quote

import msgspec

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.wire.client import Client

_MOST = 10_000  # maximum rules of a space: as many as one search returns


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The record of one rule."""

    rule: Mapping[str, Any]  # the alert rule, in the form of `rule_body`
    sent: Mapping[str, Any]  # Scoreback's and followed keys, with the wanted values
    # Those of them that Kibana returned as they were sent; empty until it answered.
    stored: Mapping[str, Any] = field(default_factory=dict)
    # The previous values of these two until Kibana has answered, because a write may break off.
    sent_before: Mapping[str, Any] = field(default_factory=dict)
    stored_before: Mapping[str, Any] = field(default_factory=dict)
    kibana: str = ""  # Kibana's version at that time
    # What a replacement takes over from a removed rule, because a rule's type cannot be changed.
    anew: Mapping[str, Any] = field(default_factory=dict)
    paused: bool = False
    off: bool = False  # Scoreback disabled the rule, so it enables it again

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self | None:
        """From a document of the index; None if somebody edited it so that it has no record."""
        body = document.get("rule")
        if not isinstance(body, dict) or document.get("_digest") != _digest(body):
            return None
        known = {key: value for key, value in body.items() if key in cls.__dataclass_fields__}
        try:
            return cls(**known)
        except TypeError:
            return None


class Marks:
    """The marks of one namespace and space."""

    def __init__(self, client: Client, names: Names, space: str) -> None:
        """Keep marks through *client*."""
        self._client, self._index, self._space = client, names.rules, space

    def read(self, rule: str) -> Mark | None:
        """The record of the rule called *rule*."""
        found = self._client.call("GET", self._path(rule), absent=(404,))
        return Mark.of(found["_source"]) if found and found.get("found") else None

    def write(self, rule: str, mark: Mark) -> None:
        """Store *mark*, replacing an earlier one."""
        body = asdict(mark)
        document = {
            "name": f"{self._space}/{rule}",
            "detector": str(mark.rule.get("detector", "")),
            "rule": body,
            "_digest": _digest(body),
        }
        self._client.call("PUT", self._path(rule), document)

    def remove(self, rule: str) -> None:
        """Delete the record of the rule."""
        self._client.call("DELETE", self._path(rule), absent=(404,))

    def names(self) -> list[str]:
        """Sorted names of the rules that have records."""
        query = {"prefix": {"name": {"value": f"{self._space}/"}}}
        self._client.call("POST", f"/{self._index}/_refresh", absent=(404,))
        body = {"query": query, "size": _MOST, "_source": ["name"], "sort": [{"name": "asc"}]}
        found = self._client.search(self._index, body, absent=(404,))
        hits = found["hits"]["hits"] if found else []
        return [str(hit["_source"]["name"]).partition("/")[2] for hit in hits]

    def _path(self, rule: str) -> str:
        # Without `enabled`, and under an id that no detector has, so that Scoreback's own engine
        # runs none.
        return f"/{self._index}/_doc/{quote(f'kibana:{self._space}:{rule}', safe='')}"


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()[:32]
