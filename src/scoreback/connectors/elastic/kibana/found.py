"""Finds the alerts that are about Scoreback's scores, and what was done with each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any
from urllib.parse import quote

from scoreback.connectors.closings import Closing, standing
from scoreback.connectors.doors.alerts import AlertQuery
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.labels.documents import Documents
from scoreback.connectors.elastic.kibana.labels.hits import (
    ANCESTORS,
    BLOCK,
    CASES,
    CLOSED,
    ORIGINAL,
    RULE,
    STATUS,
    TAGS,
    UPDATED,
    Source,
    only,
    source_of,
)
from scoreback.connectors.elastic.kibana.labels.meanings import Meanings
from scoreback.connectors.elastic.kibana.labels.moments import micros_of
from scoreback.connectors.elastic.kibana.labels.own import NOTHING, Done, OwnActions
from scoreback.connectors.elastic.kibana.labels.pages import alerts_index
from scoreback.connectors.elastic.kibana.labels.rows import labeller, rule_of
from scoreback.connectors.elastic.kibana.labels.subjects import Origin, Origins
from scoreback.connectors.elastic.kibana.names import TAG
from scoreback.connectors.elastic.kibana.notes import noted
from scoreback.connectors.elastic.kibana.rules.body import rule_id
from scoreback.connectors.elastic.names import OWN, Names
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused
from scoreback.records import Alert, Severity, Verdict
from scoreback.times import micros, moment

PAGE = 500
_ASSIGNEES, _SUPPRESSED = (
    "kibana.alert.workflow_assignee_ids",
    "kibana.alert.suppression.docs_count",
)
_ASKED = [
    STATUS, UPDATED, TAGS, CASES, _ASSIGNEES, _SUPPRESSED, ANCESTORS, ORIGINAL, BLOCK,
    "kibana.alert.workflow_reason", "kibana.alert.workflow_user", "kibana.alert.severity",
    "kibana.alert.risk_score", "kibana.alert.start", RULE + "name", RULE + "rule_id",
    RULE + "tags", RULE + "type", "@timestamp", "event.risk_score", "scoreback",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAlert:
    """One alert, and its state in Kibana."""

    alert: Alert
    index: str  # the index that holds it
    status: str
    changed: int | None  # when its status last changed, in microseconds
    is_ours: bool  # Scoreback made that change


class FoundAlerts:
    """The alerts of one space that are about Scoreback's scores."""

    def __init__(
        self,
        client: Client,
        kibana: Kibana,
        names: Names,
        meanings: Meanings,
        own: OwnActions,
        verdicts: Verdicts,
    ) -> None:
        """Search through *client*; *own* records Scoreback's changes, *verdicts* its closings."""
        self._client, self._kibana, self._meanings = client, kibana, meanings
        self._own, self._verdicts, self._names = own, verdicts, names
        self._documents, self._origins = Documents(client, names), Origins(names)
        self._index = alerts_index(kibana.space)

    def of(self, query: AlertQuery) -> Iterator[FoundAlert]:
        """Yield the alerts of *query*, ordered by the time of their opening event, oldest first."""
        about_scores = {"prefix": {ANCESTORS + ".index": f".ds-{self._names.scores}-"}}
        # raised by Scoreback's own rules on events, which put the score beside the event
        about_events = [
            {"term": {RULE + "type": "esql"}},
            {"term": {RULE + "tags": TAG}},
        ]
        either = [about_scores, {"bool": {"filter": about_events}}]
        filters: list[dict[str, Any]] = [{"bool": {"should": either, "minimum_should_match": 1}}]
        if query.window is not None:
            window = {
                "gte": micros(query.window.since) // 1_000,
                "lt": -(-micros(query.window.until) // 1_000),
                "format": "epoch_millis",
            }
            filters.append({"range": {ORIGINAL: window}})
        never: list[dict[str, Any]] = [{"exists": {"field": BLOCK}}]
        if query.still_open:
            never.append({"term": {STATUS: CLOSED}})
        hits = self._hits({"bool": {"filter": filters, "must_not": never}})
        while some := list(islice(hits, PAGE)):
            for found in self._whole(some, notes=query.touched):
                if _is_asked(found.alert, query):
                    yield found

    def under(self, alert_ids: Sequence[str]) -> list[FoundAlert]:
        """Those of *alert_ids* that exist."""
        query = {"ids": {"values": list(alert_ids)}}
        body = {"size": len(alert_ids), "query": query, "_source": False}
        answer = self._client.search(self._index, body, absent=(404,)) or {}
        places = [
            {"_index": hit["_index"], "_id": hit["_id"], "_source": _ASKED}
            for hit in answer.get("hits", {}).get("hits", [])
        ]
        if not places:
            return []
        # What Kibana has just written is not searchable yet, but can be read by its id.
        documents = self._client.call("POST", "/_mget", {"docs": places})["docs"]
        return self._whole([one for one in documents if one.get("found")])

    def one(self, alert_id: str) -> FoundAlert:
        """The alert with this id.

        Raises:
            SiemRefused: there is no such alert.
        """
        found = self.under([alert_id]) if alert_id else []
        if not found:
            raise SiemRefused(
                f"no alert of Scoreback's has id {alert_id!r}",
                hint="list the open alerts and copy the id from there",
            )
        return found[0]

    def changed(self, found: FoundAlert) -> int | None:
        """When the status of *found* last changed, read directly rather than by a search."""
        path = f"/{quote(found.index, safe='')}/_doc/{quote(found.alert.alert_id, safe='')}"
        answer = self._client.call("GET", path, absent=(404,), params={"_source": UPDATED})
        return micros_of(only(flat((answer or {}).get("_source") or {}).get(UPDATED)))

    def _hits(self, query: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """The alerts of *query* as searches see them, ordered by the time of their events."""
        body: dict[str, Any] = {
            "size": PAGE,
            "query": query,
            "sort": [
                {ORIGINAL: {"order": "asc", "unmapped_type": "date"}},
                {"kibana.alert.uuid": {"order": "asc", "unmapped_type": "keyword"}},
            ],
            "_source": _ASKED,
            "track_total_hits": False,
        }
        while True:
            answer = self._client.search(self._index, body, absent=(404,)) or {}
            hits = answer.get("hits", {}).get("hits", [])
            yield from hits
            if len(hits) < PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def _whole(self, hits: Sequence[Mapping[str, Any]], *, notes: bool = True) -> list[FoundAlert]:
        rows = [(hit, flat(hit["_source"]), source_of(hit["_source"])) for hit in hits]
        scores = self._scores(rows)
        ids = [str(hit["_id"]) for hit in hits]
        own = self._own.of(ids)
        histories = self._verdicts.told_of([name for name in ids if name in own])
        found = []
        for hit, values, source in rows:
            name = str(hit["_id"])
            score = scores.get(name)
            if score is not None:
                done, history = own.get(name, NOTHING), histories.get(name, [])
                found.append(self._found(hit, values, source, score, done, history))
        quiet = [one.alert.alert_id for one in found if notes and not one.alert.touched]
        touched = noted(self._kibana, quiet)
        return [
            replace(one, alert=replace(one.alert, touched=True))
            if one.alert.alert_id in touched
            else one
            for one in found
        ]

    def _scores(
        self, rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any], Source]]
    ) -> dict[str, Mapping[str, Any]]:
        """The content of each alert's score, by alert: its copy or, without one, the score."""
        found, missing = dict[str, Mapping[str, Any]](), dict[str, str]()
        for hit, values, source in rows:
            if _is_of_our_rule_on_events(source, values, self._names):
                found[str(hit["_id"])] = {**values, "event.risk_score": values.get(f"{OWN}risk")}
                continue
            roots = [
                one.id
                for one in source.ancestors
                if not one.depth and one.id and self._origins.of(one.index) is Origin.SCORES
            ]
            if not roots:
                continue
            if values.get(f"{OWN}event.id") is not None and values.get(f"{OWN}score") is not None:
                found[str(hit["_id"])] = values
            else:
                missing[str(hit["_id"])] = roots[0]
        if missing:
            stored = self._documents.scores(sorted(set(missing.values())))
            found |= {a: stored[score] for a, score in missing.items() if score in stored}
        return found

    def _found(
        self,
        hit: Mapping[str, Any],
        values: Mapping[str, Any],
        source: Source,
        score: Mapping[str, Any],
        done: Done,
        history: Sequence[Closing],
    ) -> FoundAlert:
        changed = micros_of(only(values.get(UPDATED)))
        is_ours = done.is_ours(source.status, source.reason, changed)
        said = _ours(history) if is_ours else self._theirs(source, changed)
        own = {key.removeprefix(OWN): value for key, value in score.items()}
        raised = micros_of(only(values.get("kibana.alert.start"))) or micros_of(source.created)
        touched = (
            source.status != "open"
            or (changed is not None and changed != raised)
            or bool(values.get(_ASSIGNEES))
            or bool(source.cases)
            or not set(source.tags) <= set(done.tags)
        )
        at = micros_of(source.original) or micros_of(only(score.get("@timestamp"))) or 0
        risk = score.get("event.risk_score", values.get("kibana.alert.risk_score"))
        alert = Alert(
            alert_id=str(hit["_id"]),
            rule=rule_of(source),
            detector=str(own.get("detector") or ""),
            version=str(own.get("version") or ""),
            entity=only(own.get("entity")),
            event_id=str(own["event.id"]),
            event_time=moment(at),
            raised_at=moment(raised or at),
            score=float(own["score"]),
            risk=float(only(risk) or 0),
            severity=_severity(values.get("kibana.alert.severity")),
            events=1 + int(only(values.get(_SUPPRESSED)) or 0),
            reasons=only(own.get("reasons")) or "[]",
            verdict=None if said is None else Verdict(said.verdict),
            closed_at=None if said is None else said.label_time,
            labeller=None if said is None else said.labeller,
            tags=tuple(source.tags),
            touched=touched,
            chance=None if (chance := only(own.get("chance"))) is None else float(chance),
        )
        return FoundAlert(
            alert=alert,
            index=str(hit["_index"]),
            status=source.status or "",
            changed=changed,
            is_ours=is_ours,
        )

    def _theirs(self, source: Source, changed: int | None) -> Closing | None:
        """The verdict that an analyst's closing in Kibana means; None for an open alert."""
        if source.status != CLOSED:
            return None
        said = self._meanings.of(source.reason, source.tags)
        verdict = said if isinstance(said, Verdict) else Verdict.UNDETERMINED
        return Closing(
            verdict=verdict.value,
            labeller=labeller(source),
            label_time=moment(changed or 0),
            withdrawn=False,
        )


def _is_of_our_rule_on_events(source: Source, values: Mapping[str, Any], names: Names) -> bool:
    """Whether a rule that Scoreback wrote found an event with its score beside it."""
    return (
        source.rule_type == "esql"
        and source.rule_id == rule_id(names, rule_of(source))
        and values.get(f"{OWN}event.id") is not None
        and values.get(f"{OWN}score") is not None
    )


def _ours(history: Sequence[Closing]) -> Closing | None:
    stands = standing(history)
    return history[stands[-1]] if stands else None


def _is_asked(alert: Alert, query: AlertQuery) -> bool:
    wanted = ((query.detector, alert.detector), (query.version, alert.version))
    if any(asked is not None and asked != found for asked, found in wanted):
        return False
    window = query.window
    return window is None or window.since <= alert.event_time < window.until


def _severity(value: object) -> Severity:
    text = only(value)
    return Severity(text) if text in list(Severity) else Severity.LOW
