"""Raises alerts from new live scores, where no rule engine of the SIEM does it.

An alert is a document of our own index. Its id follows from its rule and the score that opened it,
so that raising alerts again, after a crash say, changes nothing.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.rules import Rules
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions, documents
from scoreback.deployment import AlertRule
from scoreback.errors import SiemRefused
from scoreback.naming import alert_id
from scoreback.records import Severity, Stage
from scoreback.suppression import DAY_US, Suppression, hits_of, opened_by
from scoreback.times import micros, moment

PAGE = 10_000
MAX_ENTITIES = 10_000  # asked for by name; more, and all alerts of the days are read
SEVERITIES = {Severity.LOW: 21, Severity.MEDIUM: 47, Severity.HIGH: 73, Severity.CRITICAL: 99}


class Alerting:
    """The rule engine over the scores of one namespace."""

    def __init__(self, client: Client, names: Names, rules: Rules) -> None:
        """Raise alerts through *client* as *rules* say."""
        self._client, self._names, self._rules = client, names, rules

    def raise_alerts(self, scores: pa.Table) -> pa.Array:
        """Let every enabled rule look at *scores*; the alert that each score belongs to, or null.

        Raises:
            SiemUnavailable: some alerts may be there; raising them again changes nothing.
            SiemRefused: alerts cannot be written.
        """
        found: list[str | None] = [None] * scores.num_rows
        live = pc.and_(scores["alert"], pc.equal(scores["stage"], Stage.LIVE.value))
        if not pc.any(live).as_py():
            return pa.array(found, pa.string())
        detectors = pc.unique(scores["detector"].filter(live)).to_pylist()
        table = scores.append_column("row", pa.array(np.arange(scores.num_rows)))
        for rule in self._rules.enabled(detectors):
            hits = hits_of(table, rule)
            if hits.num_rows:
                for row, alert in zip(
                    hits["row"].to_pylist(), self._raise(rule, hits), strict=True
                ):
                    found[row] = alert
        return pa.array(found, pa.string())

    def _raise(self, rule: AlertRule, hits: pa.Table) -> list[str]:
        """Open an alert for each hit or let it join one, as `scoreback.suppression` defines."""
        times = hits["event_time"].cast(pa.int64()).to_numpy()
        entities = hits["entity"].to_pylist()
        before = self._alerts_of_days(rule.name, times, entities)
        there = {str(alert["alert_id"]) for alert in before}
        own = [alert_id(rule.name, score_id) for score_id in hits["score_id"].to_pylist()]
        # Alerts that these hits opened before a crash count in their turn, as they did then.
        opened_here = set(own)
        before = [alert for alert in before if alert["alert_id"] not in opened_here]
        codes: dict[str, int] = {}
        coded = [
            -1 if e is None else codes.setdefault(e, len(codes))
            for e in [*(alert["entity"] for alert in before), *entities]
        ]
        opened = np.array([alert["event_time"] for alert in before], dtype=np.int64)
        openers = opened_by(
            np.concatenate([opened, times]),
            np.array(coded, dtype=np.int64),
            Suppression(per_entity=rule.per_entity, throttle=rule.throttle),
            already=len(before),
            opens={len(before) + row for row, name in enumerate(own) if name in there},
        )
        names = [*(str(alert["alert_id"]) for alert in before), *own]
        new = [
            position - len(before)
            for position in range(len(before), len(names))
            if openers[position] == position and names[position] not in there
        ]
        self._store(
            rule, hits.take(pa.array(new, pa.int64())), [names[len(before) + i] for i in new]
        )
        return [names[openers[position]] for position in range(len(before), len(names))]

    def _store(self, rule: AlertRule, hits: pa.Table, ids: list[str]) -> None:
        if not ids:
            return
        sources = documents(
            {
                "@timestamp": hits["event_time"],
                "event.ingested": hits["scored_at"],
                "event.risk_score": hits["risk"],
                "scoreback.alert_id": pa.array(ids),
                "scoreback.version": hits["version"],
                "scoreback.entity": hits["entity"],
                "scoreback.event.id": hits["event_id"],
                "scoreback.raised_at": hits["scored_at"],
                "scoreback.score": hits["score"],
                "scoreback.threshold": hits["threshold"],
                "scoreback.reasons": hits["reasons"],
            },
            {
                "event.kind": "alert",
                "event.provider": "scoreback",
                "event.dataset": "scoreback.alerts",
                "event.severity": SEVERITIES[rule.severity],
                "rule.id": rule.name,
                "rule.name": rule.name,
                "rule.ruleset": "scoreback",
                "threat.technique.id": list(rule.attack) or None,
                "scoreback.rule": rule.name,
                "scoreback.detector": rule.detector,
                "scoreback.severity": rule.severity.value,
            },
        )
        lines = actions("create", {"_id": pa.array(ids)}, sources)
        path = f"/{self._names.alerts}/_bulk"
        report = bulk.send(self._client, path, lines, params={"refresh": True})
        if report.refused:
            raise SiemRefused(
                f"{len(report.refused)} alerts were refused: {next(iter(report.refused.values()))}",
                hint="run `scoreback plan`: is the index of alerts mapped as it should be?",
            )

    def _alerts_of_days(
        self,
        rule: str,
        times: np.ndarray[tuple[int], np.dtype[np.int64]],
        entities: list[str | None],
    ) -> list[Mapping[str, Any]]:
        """The rule's alerts on the days that hits at *times* touch, by time of opening."""
        first = int(times.min()) // DAY_US * DAY_US
        after = (int(times.max()) // DAY_US + 1) * DAY_US
        days = {"gte": text(moment(first)), "lt": text(moment(after))}
        query: list[dict[str, Any]] = [
            {"term": {"scoreback.rule": rule}},
            {"range": {"@timestamp": days}},
        ]
        asked = sorted({e for e in entities if e is not None})
        if len(asked) <= MAX_ENTITIES and None not in entities:
            query.append({"terms": {"scoreback.entity": asked}})
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {"bool": {"filter": query}},
            "sort": ["@timestamp", "scoreback.alert_id"],
            "_source": ["@timestamp", "scoreback.alert_id", "scoreback.entity"],
        }
        found: list[Mapping[str, Any]] = []
        while True:
            answer = self._client.search(self._names.alerts, body)
            hits = answer["hits"]["hits"]
            found.extend(_opened(hit["_source"]) for hit in hits)
            if len(hits) < PAGE:
                return found
            body["search_after"] = hits[-1]["sort"]


def flat(source: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A document's values under dotted names, however it nests them."""
    found: dict[str, Any] = {}
    for key, value in source.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def _opened(source: Mapping[str, Any]) -> Mapping[str, Any]:
    values = flat(source)
    return {
        "alert_id": values["scoreback.alert_id"],
        "entity": values.get("scoreback.entity"),
        "event_time": micros(parsed(values["@timestamp"])),
    }
