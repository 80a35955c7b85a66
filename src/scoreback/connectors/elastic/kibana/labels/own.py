"""Scoreback's own changes to alerts, recorded in its own index and not known by a user's name.

Kibana keeps only the latest state of an alert. So each closing and reopening by Scoreback is
recorded before the request, and again with the time that Kibana gave it: the state of an alert that
changed at that time is Scoreback's, and its collection of verdicts has it already.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from scoreback.connectors.elastic.kibana.labels.moments import micros_of
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.times import text
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemUnavailable
from scoreback.times import moment

PAGE = 5_000
ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A change that was requested and whose time is not known yet."""

    status: str
    reason: str | None
    before: int | None  # the alert's last change before it, in microseconds

    def explains(self, status: str | None, reason: str | None, changed: int | None) -> bool:
        """Whether an alert in this state shows the requested change, and not its previous state."""
        same = (status, reason or None) == (self.status, self.reason)
        return same and changed is not None and changed != self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What Scoreback did to one alert."""

    changed: frozenset[int] = frozenset()  # when, by Kibana's clock, in microseconds
    tags: tuple[str, ...] = ()  # tags that Scoreback added
    pending: Pending | None = None

    def is_ours(self, status: str | None, reason: str | None, changed: int | None) -> bool:
        """Whether an alert's latest state is Scoreback's change."""
        if changed in self.changed:
            return True
        return self.pending is not None and self.pending.explains(status, reason, changed)


NOTHING = Done()


class OwnActions:
    """The index of Scoreback's changes to alerts."""

    def __init__(self, client: Client, names: Names) -> None:
        """Write through *client*."""
        self._client, self._index = client, names.alerts

    def of(self, alert_ids: Sequence[str]) -> dict[str, Done]:
        """The recorded changes of those of *alert_ids* that have any."""
        found = {}
        for start in range(0, len(alert_ids), PAGE):
            some = list(alert_ids[start : start + PAGE])
            body = {"size": len(some), "query": {"ids": {"values": some}}}
            for hit in self._hits(body):
                found[str(hit["_id"])] = _done(hit["_source"])
        return found

    def since(self, since: datetime) -> dict[str, Done]:
        """Changes made from *since* on, or possibly made, by alert."""
        found: dict[str, Done] = {}
        asked = [
            {"range": {"scoreback.changed_at": {"gte": text(since)}}},
            {"term": {"scoreback.pending": True}},
        ]
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {"bool": {"should": asked, "minimum_should_match": 1}},
            "sort": ["scoreback.alert_id"],
        }
        while True:
            hits = self._hits(body)
            found |= {str(hit["_id"]): _done(hit["_source"]) for hit in hits}
            if len(hits) < PAGE:
                return found
            body["search_after"] = hits[-1]["sort"]

    def begin(self, alert_id: str, pending: Pending) -> None:
        """Record that a change is about to be requested."""
        asked = {"status": pending.status, "reason": pending.reason, "before": pending.before}
        self._change(alert_id, {"pending": True, "asked": asked})

    def done(self, alert_id: str, changed: int) -> None:
        """Record when Kibana made the pending change."""
        self._change(alert_id, {"pending": False}, changed=changed)

    def refused(self, alert_id: str) -> None:
        """Record that Kibana did not make the pending change."""
        self._change(alert_id, {"pending": False})

    def tagged(self, alert_ids: Iterable[str], tag: str) -> None:
        """Record that Scoreback added *tag* to *alert_ids*."""
        for alert_id in alert_ids:
            self._change(alert_id, {}, tag=tag)

    def _hits(self, body: Mapping[str, Any]) -> list[Any]:
        answer = self._client.search(self._index, body, absent=(404,)) or {}
        return list(answer.get("hits", {}).get("hits", []))

    def _change(
        self, alert_id: str, more: Mapping[str, Any], *, changed: int | None = None, tag: str = ""
    ) -> None:
        """Merge *more* into the document of one alert, unless the document changed meanwhile."""
        name = quote(alert_id, safe="")
        for _ in range(ATTEMPTS):
            found = self._client.call("GET", f"/{self._index}/_doc/{name}", absent=(404,))
            before = (found or {}).get("_source", {}).get("scoreback", {})
            own = {**before, "alert_id": alert_id, **more}
            if changed is not None:
                own["changed_at"] = sorted({*before.get("changed_at", ()), text(moment(changed))})
            if tag:
                own["tags"] = sorted({*before.get("tags", ()), tag})
            if own == before:
                return
            params: dict[str, object] = {"refresh": True, "op_type": "create"}
            if found is not None and found.get("found", True):
                params = {
                    "refresh": True,
                    "if_seq_no": found["_seq_no"],
                    "if_primary_term": found["_primary_term"],
                }
            path = f"/{self._index}/_doc/{name}"
            written = self._client.call(
                "PUT", path, {"scoreback": own}, absent=(409,), params=params
            )
            if written is not None:
                return
        raise SiemUnavailable(
            f"another process is also recording changes to alert {alert_id}",
            hint="try again",
        )


def _done(source: Mapping[str, Any]) -> Done:
    own = source.get("scoreback", {})
    changed = (micros_of(at) for at in own.get("changed_at", ()))
    asked = own.get("asked") if own.get("pending") else None
    return Done(
        changed=frozenset(at for at in changed if at is not None),
        tags=tuple(own.get("tags", ())),
        pending=None if asked is None else msgspec.convert(asked, Pending),
    )
