"""Keeps alert rules as documents in Scoreback's index: users decide whether one is enabled."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.required_index import require
from scoreback.deployment import (
    AlertRule,
    Delivery,
    Found,
    Reads,
    Standing,
    Suppress,
    rule_body,
    rule_from,
)
from scoreback.errors import SiemRefused, SiemUnavailable

MAX_RULES = 10_000
ATTEMPTS = 5  # attempts to write a rule that somebody changes at the same moment


class Rules:
    """The alert rules of one namespace."""

    suppresses = frozenset(Suppress)
    delivers = (Delivery.FINDING,)
    reads = frozenset({Reads.SCORES})

    def __init__(self, client: Client, names: Names) -> None:
        """Keep rules through *client*."""
        self._client, self._index = client, names.rules

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name*, or None."""
        found = self._document(name)
        return None if found is None else _rule(name, _kept(found))

    def standing(self, wanted: AlertRule) -> Found:
        """How *wanted* stands; a document whose digest does not match its rule was edited."""
        found = self._document(wanted.name)
        if found is None:
            return Found(standing=Standing.ABSENT)
        now, will = _kept(found), rule_body(wanted)
        differences = tuple(
            f"{key}: {now.get(key, 'absent')} -> {will.get(key, 'absent')}"
            for key in sorted({*now, *will})
            if now.get(key) != will.get(key)
        )
        if not found.get("_digest"):
            return Found(standing=Standing.FOREIGN, differences=differences)
        if not differences:
            return Found(standing=Standing.CURRENT)
        ours = found["_digest"] == _digest(now)
        kind = Standing.OUTDATED if ours else Standing.EDITED
        return Found(standing=kind, differences=differences)

    def apply(self, rule: AlertRule) -> None:
        """Create or replace *rule*; the user's choice whether it is enabled stays."""
        require(self._client, self._index)
        body = rule_body(rule)
        for _ in range(ATTEMPTS):
            there = self._there(rule.name)
            document = {
                "name": rule.name,
                "detector": rule.detector,
                "enabled": there["_source"].get("enabled", True) if there else True,
                "rule": body,
                "_digest": _digest(body),
            }
            # Only over the version that was read, so that a user's switch at this moment is kept.
            only = {"op_type": "create"} if there is None else {
                "if_seq_no": there["_seq_no"], "if_primary_term": there["_primary_term"]
            }  # fmt: skip
            path, params = f"/{self._index}/_doc/{rule.name}", {"refresh": True, **only}
            if self._client.call("PUT", path, document, absent=(409,), params=params) is not None:
                return
        raise SiemUnavailable(
            f"alert rule {rule.name!r} is being changed by somebody else", hint="apply it again"
        )

    def remove(self, name: str) -> None:
        """Remove the rule called *name*, if it exists."""
        self._client.call(
            "DELETE", f"/{self._index}/_doc/{name}", absent=(404,), params={"refresh": True}
        )

    def enabled(self) -> list[AlertRule]:
        """The enabled rules, by name; none before the first apply."""
        body = {"size": MAX_RULES, "query": {"term": {"enabled": True}}, "sort": ["name"]}
        found = self._client.search(self._index, body, absent=(404,))
        if found is None:
            return []
        return [_rule(hit["_id"], _kept(hit["_source"])) for hit in found["hits"]["hits"]]

    def _document(self, name: str) -> dict[str, Any] | None:
        found = self._there(name)
        return None if found is None else found["_source"]

    def _there(self, name: str) -> dict[str, Any] | None:
        """The document, and its version."""
        found = self._client.call("GET", f"/{self._index}/_doc/{name}", absent=(404,))
        return found if found and found.get("found") else None


def _kept(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rule in *document*; empty if somebody's edit removed it."""
    found = document.get("rule")
    return found if isinstance(found, dict) else {}


def _rule(name: str, body: Mapping[str, Any]) -> AlertRule:
    try:
        return rule_from(body)
    except (KeyError, TypeError, ValueError) as error:
        raise SiemRefused(
            f"the alert rule {name!r} was edited so that it cannot be read: {error}",
            hint="see `scoreback plan`; `scoreback apply --take-over` rewrites it",
        ) from error


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(body.items()))).hexdigest()[:32]
