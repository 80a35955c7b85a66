"""Raises alerts from live scores where the SIEM has no rule engine.

An alert is a document in Scoreback's own index. Its id follows from its rule and the score that
opened it, so raising alerts again, for example after a crash, changes nothing. A score in an alert
is marked with the alert's id, so that it is not evaluated again and an alert's scores can be
counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.elastic.names import LONGEST_KEYWORD, Names
from scoreback.connectors.elastic.rule_engine.rules import Rules
from scoreback.connectors.elastic.times import parsed, text
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.wire.client import Client
from scoreback.connectors.elastic.wire.documents import actions
from scoreback.connectors.json.documents import documents
from scoreback.deployment import AlertRule, RuleKind
from scoreback.errors import SiemRefused
from scoreback.health import HealthDocument, health_hits
from scoreback.records import TIME, Severity
from scoreback.suppression import DAY_US, OpenAlert, hits_of, place
from scoreback.times import micros, moment

PAGE = 10_000
# how many alerts are requested by id; for more, all alerts of the days are read
MAX_ENTITIES = 10_000
SEVERITIES = {Severity.LOW: 21, Severity.MEDIUM: 47, Severity.HIGH: 73, Severity.CRITICAL: 99}

_HITS = pa.schema(
    [
        pa.field("score_id", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("event_time", TIME),
        pa.field("entity", pa.string()),
        pa.field("detector", pa.string()),
        pa.field("version", pa.string()),
        pa.field("stage", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("risk", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("alert", pa.bool_()),
        pa.field("reasons", pa.string()),
        pa.field("chance", pa.float64()),
        pa.field("index", pa.string()),  # the backing index that holds it
        pa.field("seq_no", pa.int64()),
        pa.field("primary_term", pa.int64()),
    ]
)


class RuleEngine:
    """The rule engine over the scores of one namespace."""

    def __init__(self, client: Client, names: Names, rules: Rules) -> None:
        """Raise alerts through *client* as *rules* say."""
        self._client, self._names, self._rules = client, names, rules

    def evaluate(self, *, since: datetime, at: datetime) -> int:
        """Run every enabled rule on scores received since *since*; returns the alerts opened."""
        rules = self._of_kind(RuleKind.SCORE)
        if not rules:
            return 0
        refreshed = self._client.call("POST", f"/{self._names.scores}/_refresh", absent=(404,))
        if refreshed is None:
            return 0  # no stream yet: no scores
        rows = list(self._unseen(rules, since))
        hits = pa.Table.from_pylist(rows, schema=_HITS)
        opened = 0
        for rule in rules:
            of_rule = hits_of(rule, hits)
            if of_rule.num_rows:
                opened += self._raise(rule, of_rule, at)
        return opened

    def evaluate_health(self, documents: Sequence[HealthDocument], *, at: datetime) -> int:
        """Run the enabled health rules on *documents*; returns the alerts opened."""
        opened = 0
        for rule in self._of_kind(RuleKind.HEALTH):
            hits = health_hits(rule, documents)
            if hits.num_rows:
                placed = place(rule, hits, self._alerts_of_days(rule.name, hits))
                opening = hits.take(pa.array(placed.new, pa.int64()))
                self._store(rule, opening, [placed.alerts[row] for row in placed.new], at)
                opened += len(placed.new)
        return opened

    def _of_kind(self, kind: RuleKind) -> list[AlertRule]:
        return [r for r in self._rules.enabled() if r.kind is kind and not r.paused]

    def _unseen(self, rules: Sequence[AlertRule], since: datetime) -> Iterator[dict[str, Any]]:
        """Scores on which one of *rules* should alert, and which are in no alert yet."""
        either = [{"bool": {"filter": _looked_at(rule)}} for rule in rules]
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {
                "bool": {
                    "filter": [
                        {"term": {"scoreback.alert": True}},
                        {"range": {"event.ingested": {"gte": text(since)}}},
                        {"bool": {"should": either, "minimum_should_match": 1}},
                    ],
                    "must_not": [{"exists": {"field": "scoreback.alert_id"}}],
                }
            },
            "sort": ["@timestamp", "scoreback.event.id", "scoreback.detector"],
            "seq_no_primary_term": True,
        }
        while True:
            found = self._client.search(self._names.scores, body)["hits"]["hits"]
            yield from map(_hit, found)
            if len(found) < PAGE:
                return
            body["search_after"] = found[-1]["sort"]

    def _raise(self, rule: AlertRule, copies: pa.Table, at: datetime) -> int:
        """Open an alert for each hit or add it to one, as `scoreback.suppression` defines."""
        hits = _first_of_each(copies)
        placed = place(rule, hits, self._alerts_of_days(rule.name, hits))
        opening = hits.take(pa.array(placed.new, pa.int64()))
        self._store(rule, opening, [placed.alerts[row] for row in placed.new], at)
        self._mark(copies, dict(zip(hits["score_id"].to_pylist(), placed.alerts, strict=True)))
        return len(placed.new)

    def _mark(self, copies: pa.Table, alerts: Mapping[str, str]) -> None:
        """Write its alert onto each score; scores that changed meanwhile are marked later."""
        ids = copies["score_id"].to_pylist()
        named = pa.array([alerts[score_id] for score_id in ids], pa.string())
        changes = documents({"scoreback.alert_id": named}, {})
        heads = {
            "_index": copies["index"],
            "_id": copies["score_id"],
            "if_seq_no": copies["seq_no"],
            "if_primary_term": copies["primary_term"],
        }
        lines = actions("update", heads, _partial(changes))
        report = bulk.send(self._client, "/_bulk", lines)
        _refuse(report.refused, "marks on scores", "may this key write to the stream of scores?")

    def _store(self, rule: AlertRule, hits: pa.Table, ids: list[str], at: datetime) -> None:
        if not ids:
            return
        raised = pa.repeat(pa.scalar(at, TIME), hits.num_rows)
        sources = documents(
            {
                "@timestamp": hits["event_time"],
                "event.ingested": raised,
                "event.risk_score": hits["risk"],
                "scoreback.alert_id": pa.array(ids),
                "scoreback.version": hits["version"],
                "scoreback.entity": hits["entity"],
                "scoreback.event.id": hits["event_id"],
                "scoreback.raised_at": raised,
                "scoreback.score": hits["score"],
                "scoreback.threshold": hits["threshold"],
                "scoreback.reasons": hits["reasons"],
                "scoreback.chance": hits["chance"],
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
        _refuse(
            report.refused, "alerts", "run `scoreback plan` to check the mapping of their index"
        )

    def _alerts_of_days(self, rule: str, hits: pa.Table) -> Iterator[OpenAlert]:
        """The rule's alerts that opened on the days of *hits*."""
        times = hits["event_time"].cast(pa.int64()).to_numpy()
        entities = hits["entity"].to_pylist()
        first = int(times.min()) // DAY_US * DAY_US
        after = (int(times.max()) // DAY_US + 1) * DAY_US
        days = {"gte": text(moment(first)), "lt": text(moment(after))}
        query: list[dict[str, Any]] = [
            {"term": {"scoreback.rule": rule}},
            {"range": {"@timestamp": days}},
        ]
        asked = sorted({e for e in entities if e is not None})
        if len(asked) <= MAX_ENTITIES and None not in entities:
            query.append(_of_entities(asked))
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {"bool": {"filter": query}},
            "sort": ["@timestamp", "scoreback.alert_id"],
            "_source": ["@timestamp", "scoreback.alert_id", "scoreback.entity"],
        }
        while True:
            found = self._client.search(self._names.alerts, body)["hits"]["hits"]
            yield from (_opened(hit["_source"]) for hit in found)
            if len(found) < PAGE:
                return
            body["search_after"] = found[-1]["sort"]


def _looked_at(rule: AlertRule) -> list[dict[str, Any]]:
    terms = {"detector": rule.detector, "version": rule.version, "stage": rule.stage.value}
    return [{"term": {f"scoreback.{name}": value}} for name, value in terms.items() if value]


def _of_entities(asked: list[str]) -> dict[str, Any]:
    """The query for alerts of the entities *asked*; also finds all with unsearchable names."""
    known = {"terms": {"scoreback.entity": [e for e in asked if len(e) <= LONGEST_KEYWORD]}}
    if all(len(entity) <= LONGEST_KEYWORD for entity in asked):
        return known
    unknown = {"bool": {"must_not": {"exists": {"field": "scoreback.entity"}}}}
    return {"bool": {"should": [known, unknown], "minimum_should_match": 1}}


def flat(source: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """A document's values under dotted names, however it is nested."""
    found: dict[str, Any] = {}
    for key, value in source.items():
        name = f"{above}{key}"
        if isinstance(value, dict):
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def _hit(hit: Mapping[str, Any]) -> dict[str, Any]:
    values = flat(hit["_source"])
    own = {name: values.get(f"scoreback.{name}") for name in _OWN}
    return own | {
        "score_id": hit["_id"],
        "event_id": values["scoreback.event.id"],
        "event_time": parsed(values["@timestamp"]),
        "risk": values["event.risk_score"],
        "index": hit["_index"],
        "seq_no": hit["_seq_no"],
        "primary_term": hit["_primary_term"],
    }


_OWN = (
    "entity", "detector", "version", "stage", "score", "threshold", "alert", "reasons", "chance",
)  # fmt: skip


def _first_of_each(hits: pa.Table) -> pa.Table:
    """Each score once: after a rollover a stream may hold a copy."""
    ids = hits["score_id"].to_pylist()
    first = {score_id: row for row, score_id in reversed(list(enumerate(ids)))}
    return hits if len(first) == len(ids) else hits.take(pa.array(sorted(first.values())))


def _partial(changes: pa.Array) -> pa.Array:
    """Partial updates that merge *changes* into documents."""
    return pc.binary_join_element_wise('{"doc":', changes, "}", "")


def _refuse(refused: Mapping[int, str], what: str, hint: str) -> None:
    if refused:
        raise SiemRefused(
            f"{len(refused)} {what} were refused: {next(iter(refused.values()))}", hint=hint
        )


def _opened(source: Mapping[str, Any]) -> OpenAlert:
    values = flat(source)
    return OpenAlert(
        alert_id=values["scoreback.alert_id"],
        entity=values.get("scoreback.entity"),
        event_time=micros(parsed(values["@timestamp"])),
    )
