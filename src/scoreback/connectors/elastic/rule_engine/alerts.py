"""What analysts do with alerts in Scoreback's index: list, close, reopen and tag them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from scoreback.connectors.closings import refuse_before_event
from scoreback.connectors.doors.alerts import AlertQuery
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.alert_fields import fields_of
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import Alert, Severity, Verdict

PAGE = 5_000
ATTEMPTS = 5  # attempts to close an alert that others change at the same moment


class Alerts:
    """The alerts of one namespace."""

    def __init__(self, client: Client, names: Names, verdicts: Verdicts) -> None:
        """Work on alerts through *client*; closings are recorded in *verdicts*."""
        self._client, self._names, self._verdicts = client, names, verdicts

    def find(self, query: AlertQuery = AlertQuery()) -> Iterator[Alert]:  # noqa: B008 - frozen
        """Yield the alerts of *query*, ordered by the time of their opening event, oldest first."""
        wanted: list[dict[str, Any]] = [
            {"term": {f"scoreback.{name}": value}}
            for name, value in (("detector", query.detector), ("version", query.version))
            if value is not None
        ]
        if query.window is not None:
            window = {"gte": text(query.window.since), "lt": text(query.window.until)}
            wanted.append({"range": {"@timestamp": window}})
        about: dict[str, Any] = {"filter": wanted}
        if query.still_open:
            about["must_not"] = [{"exists": {"field": "scoreback.verdict"}}]
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {"bool": about},
            "sort": ["@timestamp", "scoreback.alert_id"],
        }
        while True:
            hits = self._client.search(self._names.alerts, body)["hits"]["hits"]
            yield from self._with_counts([hit["_source"] for hit in hits])
            if len(hits) < PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; repeating it changes nothing."""

        def closing(alert: Alert) -> dict[str, Any]:
            refuse_before_event(alert, at)
            label_time = self._verdicts.close(alert, verdict, labeller, at)
            return {
                "verdict": verdict.value,
                "closed_at": text(label_time),
                "labeller": labeller,
                "touched": True,
            }

        return self._changed(alert_id, closing)

    def tag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Put *tag* on alerts, once each; returns how many got it."""
        count = 0
        for alert_id in dict.fromkeys(alert_ids):
            found = self._document(alert_id)
            if found is None or tag in _alert(found["_source"], 1).tags:
                continue
            self._changed(alert_id, lambda alert: {"tags": sorted({*alert.tags, tag})})
            count += 1
        return count

    def untag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Remove *tag* from alerts; returns how many had it."""
        count = 0
        for alert_id in dict.fromkeys(alert_ids):
            found = self._document(alert_id)
            if found is None or tag not in _alert(found["_source"], 1).tags:
                continue
            self._changed(alert_id, lambda alert: {"tags": sorted({*alert.tags} - {tag})})
            count += 1
        return count

    def fields_of(self, alerts: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
        """By alert id, the fields of its opening event that the score copied."""
        return fields_of(self._client, self._names, alerts)

    def reopen(self, alert_id: str, *, at: datetime) -> Alert:
        """Reopen the alert and withdraw the verdicts that stand on it."""

        def opening(alert: Alert) -> dict[str, Any]:
            self._verdicts.withdraw(alert.alert_id, at)
            return {**dict.fromkeys(("verdict", "closed_at", "labeller")), "touched": True}

        return self._changed(alert_id, opening)

    def _document(self, alert_id: str) -> dict[str, Any] | None:
        path = f"/{self._names.alerts}/_doc/{quote(alert_id, safe='')}"
        found: dict[str, Any] | None = self._client.call("GET", path, absent=(404,))
        return found if found and found.get("found") else None

    def _changed(self, alert_id: str, change: Callable[[Alert], dict[str, Any]]) -> Alert:
        """The alert after *change* was applied to the state that was read, and to no other."""
        for _ in range(ATTEMPTS):
            found = self._document(alert_id)
            if found is None:
                raise SiemRefused(
                    f"no alert has id {alert_id!r}",
                    hint="list the open alerts and copy the id from there",
                )
            own = {"scoreback": change(_alert(found["_source"], 1))}
            done = self._client.call(
                "POST",
                f"/{self._names.alerts}/_update/{quote(alert_id, safe='')}",
                {"doc": own},
                absent=(409,),
                params={
                    "if_seq_no": found["_seq_no"],
                    "if_primary_term": found["_primary_term"],
                    "refresh": True,
                },
            )
            if done is not None:
                return self._with_counts([flat(found["_source"]) | flat(own)])[0]
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
        tags=tuple(own.get("tags") or ()),
        touched=bool(own.get("touched")),
        chance=own.get("chance"),
    )
