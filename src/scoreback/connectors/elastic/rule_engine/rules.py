"""Keeps alert rules as documents of our own index: theirs is whether one is enabled."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import msgspec

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.required_index import require
from scoreback.deployment import AlertRule, Found, Standing
from scoreback.errors import SiemRefused
from scoreback.records import Severity
from scoreback.times import span

MAX_RULES = 10_000


class Rules:
    """The alert rules of one namespace."""

    def __init__(self, client: Client, names: Names) -> None:
        """Keep rules through *client*."""
        self._client, self._index = client, names.rules

    def current(self, name: str) -> AlertRule | None:
        """The rule called *name*, or None."""
        found = self._document(name)
        return None if found is None else _rule(name, _kept(found))

    def standing(self, wanted: AlertRule) -> Found:
        """How *wanted* stands; a document whose digest is not its rule's was edited by hand."""
        found = self._document(wanted.name)
        if found is None:
            return Found(standing=Standing.ABSENT)
        now, will = _kept(found), _body(wanted)
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
        """Create or replace *rule*; whether it is enabled stays as the user left it."""
        require(self._client, self._index)
        there = self._document(rule.name) or {}
        body = _body(rule)
        document = {
            "name": rule.name,
            "detector": rule.detector,
            "enabled": there.get("enabled", True),
            "rule": body,
            "_digest": _digest(body),
        }
        self._client.call(
            "PUT", f"/{self._index}/_doc/{rule.name}", document, params={"refresh": True}
        )

    def remove(self, name: str) -> None:
        """Remove the rule called *name*, if it is there."""
        self._client.call(
            "DELETE", f"/{self._index}/_doc/{name}", absent=(404,), params={"refresh": True}
        )

    def enabled(self, detectors: list[str]) -> list[AlertRule]:
        """The rules of *detectors* that are switched on, by name."""
        query = {
            "bool": {"filter": [{"terms": {"detector": detectors}}, {"term": {"enabled": True}}]}
        }
        body = {"size": MAX_RULES, "query": query, "sort": ["name"]}
        found = self._client.search(self._index, body)
        return [_rule(hit["_id"], _kept(hit["_source"])) for hit in found["hits"]["hits"]]

    def _document(self, name: str) -> dict[str, Any] | None:
        found = self._client.call("GET", f"/{self._index}/_doc/{name}", absent=(404,))
        return found["_source"] if found and found.get("found") else None


def _body(rule: AlertRule) -> dict[str, Any]:
    throttle = span(rule.throttle)
    return {
        **asdict(rule),
        "throttle": throttle,
        "severity": rule.severity.value,
        "attack": list(rule.attack),
    }


def _kept(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rule in *document*; empty where somebody's hand left none."""
    found = document.get("rule")
    return found if isinstance(found, dict) else {}


def _rule(name: str, body: Mapping[str, Any]) -> AlertRule:
    try:
        return AlertRule(
            **{
                **body,
                "throttle": timedelta(microseconds=body["throttle"]),
                "severity": Severity(body["severity"]),
                "attack": tuple(body["attack"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SiemRefused(
            f"the alert rule {name!r} was edited so that it cannot be read: {error}",
            hint="see `scoreback plan`; `scoreback apply --take-over` writes it anew",
        ) from error


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(sorted(body.items()))).hexdigest()[:32]
