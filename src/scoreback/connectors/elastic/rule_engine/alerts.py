"""What analysts do with alerts of our own index: list, close, reopen."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import Alert, Severity, Verdict

PAGE = 5_000
ATTEMPTS = 5  # at closing an alert that others change at the same moment


class Alerts:
    """The alerts of one namespace."""

    def __init__(self, client: Client, names: Names, verdicts: Verdicts) -> None:
        """Work on alerts through *client*; closings are told to *verdicts*."""
        self._client, self._names, self._verdicts = client, names, verdicts

    def alerts(
        self,
        *,
        detector: str | None = None,
        still_open: bool = False,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Sequence[Alert]:
        """Alerts by time of their opening event, oldest first."""
        wanted: list[dict[str, Any]] = []
        if detector is not None:
            wanted.append({"term": {"scoreback.detector": detector}})
        if since is not None:
            wanted.append({"range": {"@timestamp": {"gte": text(since)}}})
        query: dict[str, Any] = {"filter": wanted}
        if still_open:
            query["must_not"] = [{"exists": {"field": "scoreback.verdict"}}]
        left = limit if limit is not None else PAGE
        body: dict[str, Any] = {
            "query": {"bool": query},
            "sort": ["@timestamp", "scoreback.alert_id"],
        }
        found: list[Alert] = []
        while True:
            size = min(PAGE, left)
            answer = self._client.search(self._names.alerts, body | {"size": size})
            hits = answer["hits"]["hits"]
            found.extend(self._with_counts([hit["_source"] for hit in hits]))
            left = left - len(hits) if limit is not None else PAGE
            if len(hits) < size or left <= 0:
                return found
            body["search_after"] = hits[-1]["sort"]

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; closing it again alike changes nothing."""

        def told(alert: Alert) -> dict[str, Any]:
            label_time = self._verdicts.close(alert, verdict, labeller, at)
            return {
                "verdict": verdict.value, "closed_at": text(label_time), "labeller": labeller,
            }  # fmt: skip

        return self._change(alert_id, told)

    def reopen(self, alert_id: str, at: datetime) -> Alert:
        """Open the alert again: the verdicts that stand on it are withdrawn."""

        def told(alert: Alert) -> dict[str, Any]:
            self._verdicts.withdraw(alert.alert_id, at)
            return dict.fromkeys(("verdict", "closed_at", "labeller"))

        return self._change(alert_id, told)

    def _change(self, alert_id: str, told: Callable[[Alert], dict[str, Any]]) -> Alert:
        """Change the alert to what *told* gives, unless somebody else does at the same moment."""
        for _ in range(ATTEMPTS):
            found = self._client.call(
                "GET", f"/{self._names.alerts}/_doc/{quote(alert_id, safe='')}", absent=(404,)
            )
            if not found or not found.get("found"):
                raise SiemRefused(
                    f"no alert has id {alert_id!r}",
                    hint="list the open alerts and copy the id from there",
                )
            change = {"scoreback": told(_alert(found["_source"], 1))}
            done = self._client.call(
                "POST",
                f"/{self._names.alerts}/_update/{quote(alert_id, safe='')}",
                {"doc": change},
                absent=(409,),
                params={
                    "if_seq_no": found["_seq_no"],
                    "if_primary_term": found["_primary_term"],
                    "refresh": True,
                },
            )
            if done is not None:
                changed = flat(found["_source"]) | flat(change)
                return self._with_counts([changed])[0]
        raise SiemUnavailable(
            f"alert {alert_id} is being changed by somebody else", hint="try again"
        )

    def _with_counts(self, sources: Sequence[Mapping[str, Any]]) -> list[Alert]:
        """Alerts with the number of events that each stands for, each event counted once."""
        ids = [str(flat(source)["scoreback.alert_id"]) for source in sources]
        if not ids:
            return []
        counts: dict[str, int] = {}
        for start in range(0, len(ids), 1_000):
            some = ids[start : start + 1_000]
            members = {"cardinality": {"field": "scoreback.event.id", "precision_threshold": 1_000}}
            body = {
                "size": 0,
                "query": {"terms": {"scoreback.alert_id": some}},
                "aggs": {
                    "alerts": {
                        "terms": {"field": "scoreback.alert_id", "size": len(some)},
                        "aggs": {"members": members},
                    }
                },
            }
            answer = self._client.search(self._names.scores, body, absent=(404,))
            buckets = (answer or {}).get("aggregations", {}).get("alerts", {}).get("buckets", [])
            counts |= {str(b["key"]): int(b["members"]["value"]) for b in buckets}
        return [_alert(s, counts.get(i, 1)) for i, s in zip(ids, sources, strict=True)]


def _alert(source: Mapping[str, Any], events: int) -> Alert:
    values = flat(source)
    own = {k.removeprefix("scoreback."): v for k, v in values.items()}
    closed = own.get("closed_at")
    return Alert(
        alert_id=own["alert_id"],
        rule=own["rule"],
        detector=own["detector"],
        version=own["version"],
        entity=own.get("entity"),
        event_id=own["event.id"],
        event_time=parsed(values["@timestamp"]),
        raised_at=parsed(own["raised_at"]),
        score=own["score"],
        risk=values["event.risk_score"],
        severity=Severity(own["severity"]),
        events=max(1, events),
        reasons=own.get("reasons") or "[]",
        verdict=Verdict(own["verdict"]) if own.get("verdict") else None,
        closed_at=parsed(closed) if closed else None,
        labeller=own.get("labeller"),
    )
