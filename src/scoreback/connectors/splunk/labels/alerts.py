"""What analysts do with alerts: list, close, reopen and tag them.

The app's alert action keeps a row for each alert, wherever else the alert is shown. Whether an
alert is closed follows from the recorded verdicts, never from the row alone: two writers of one row
could overwrite each other, but rows in the collection of verdicts never change.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from scoreback.connectors.closings import Closing, refuse_before_event, standing
from scoreback.connectors.doors.alerts import AlertQuery
from scoreback.connectors.splunk.labels.alert_fields import fields_of
from scoreback.connectors.splunk.labels.findings import Finding, Findings
from scoreback.connectors.splunk.labels.pages import ScorePages
from scoreback.connectors.splunk.labels.reviews import MARK, told
from scoreback.connectors.splunk.labels.rows import seconds
from scoreback.connectors.splunk.labels.tag_notes import note_tag
from scoreback.connectors.splunk.labels.verdicts import Verdicts, closing
from scoreback.connectors.splunk.names import ALERT_HITS, ALERTS
from scoreback.connectors.splunk.times import parsed
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.kvstore import KEYS, KvStore
from scoreback.deployment import Delivery
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import Alert, Severity, Verdict

ATTEMPTS = 5  # attempts to write onto an alert that others are changing at the same moment

Document = Mapping[str, Any]


class Alerts:
    """The alerts of one connection."""

    def __init__(
        self,
        client: Client,
        kv: KvStore,
        verdicts: Verdicts,
        findings: Callable[[], Findings | None],
        pages: ScorePages | None = None,
    ) -> None:
        """Work on alerts in *kv*; closings are recorded in *verdicts* and, if given, in *findings*.

        *client* finds their scores; *pages*, if known, is where people see them.
        """
        self._client, self._pages = client, pages
        self._kv, self._verdicts, self._findings = kv, verdicts, findings

    def find(self, query: AlertQuery = AlertQuery()) -> Iterator[Alert]:  # noqa: B008 - frozen
        """Yield the alerts of *query*, ordered by the time of their opening event, oldest first."""
        rows = self._kv.rows(ALERTS, _asked(query), sort="event_time:1,_key:1")
        # An alert that only adds to an entity's risk is not shown to anybody by itself.
        shown = (row for row in rows if row.get("delivery") != Delivery.RISK)
        while some := list(islice(shown, KEYS)):
            for alert in self._whole(some):
                if alert.verdict is None or not query.still_open:
                    yield alert

    def fields_of(self, alerts: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
        """By alert id, the fields of its opening event that the score copied."""
        return fields_of(self._client, alerts)

    def link_of(self, alert: Alert) -> str | None:
        """The page that searches for the score behind *alert*; None if no address is set."""
        return None if self._pages is None else self._pages.of(alert)

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; repeating it changes nothing."""
        alert = self._alert(alert_id)
        refuse_before_event(alert, at)
        findings = self._findings()
        finding = None if findings is None else self._finding(findings, alert)
        changed = (alert.verdict, alert.labeller) != (verdict, labeller)
        if findings is not None and finding is not None and changed:
            # First where it can be refused, so that a refusal leaves nothing recorded.
            status, disposition = findings.dispositions().closing(verdict)
            comment = f"{labeller}: {verdict.value} {MARK}"
            findings.update(finding.finding_id, status, disposition, comment)
        self._verdicts.close(alert, verdict, labeller, at)
        return self._written(alert_id, touched=True)

    def reopen(self, alert_id: str, *, at: datetime) -> Alert:
        """Reopen the alert and withdraw the verdicts that stand on it."""
        alert = self._alert(alert_id)
        findings = self._findings()
        finding = None if findings is None else self._finding(findings, alert)
        if findings is not None and finding is not None and alert.verdict is not None:
            status, disposition = findings.dispositions().reopened
            findings.update(finding.finding_id, status, disposition, f"opened again {MARK}")
        self._verdicts.withdraw(alert_id, at)
        return self._written(alert_id, touched=True)

    def tag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Put *tag* on alerts, once each; returns how many got it."""
        ids = list(dict.fromkeys(alert_ids))
        found = self._kv.under(ALERTS, ids)
        new = [name for name in ids if name in found and tag not in _tags(found[name])]
        self._note(tag, [found[name] for name in new], tagged=True)
        for name in new:
            self._written(name, tag=tag)
        return len(new)

    def untag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Remove *tag* from alerts; returns how many had it."""
        ids = list(dict.fromkeys(alert_ids))
        found = self._kv.under(ALERTS, ids)
        having = [name for name in ids if name in found and tag in _tags(found[name])]
        self._note(tag, [found[name] for name in having], tagged=False)
        for name in having:
            self._written(name, without=tag)
        return len(having)

    def _note(self, tag: str, rows: Sequence[Document], *, tagged: bool) -> None:
        """Tell analysts of Enterprise Security; done before the rows, so that none is missed."""
        findings = self._findings()
        if findings is not None and rows:
            first = min(parsed(row["event_time"]) for row in rows)
            ids = [str(row["_key"]) for row in rows]
            note_tag(findings, ids, tag, since=first, tagged=tagged)

    def _alert(self, alert_id: str) -> Alert:
        row = self._kv.get(ALERTS, alert_id) if alert_id else None
        if row is None:
            raise SiemRefused(
                f"no alert has id {alert_id!r}",
                hint="list the open alerts and copy the id from there",
            )
        return self._whole([row])[0]

    def _written(
        self, alert_id: str, *, touched: bool = False, tag: str = "", without: str = ""
    ) -> Alert:
        """The alert after its verdicts and the change were written onto its row.

        Splunk replaces a whole row, so afterwards check again whether somebody else recorded a
        verdict.
        """
        for _ in range(ATTEMPTS):
            row = self._kv.get(ALERTS, alert_id)
            if row is None:
                raise SiemRefused(f"alert {alert_id!r} was removed", hint="list the alerts again")
            history = [closing(one) for one in self._verdicts.told(alert_id)]
            new = {
                **row,
                **_state(history),
                "touched": touched or _yes(row.get("touched")),
                "tags": sorted({*_tags(row), *([tag] if tag else ())} - {without}),
            }
            self._kv.save(ALERTS, [new])
            after = self._kv.get(ALERTS, alert_id)
            again = [closing(one) for one in self._verdicts.told(alert_id)]
            if after is not None and again == history and _same(after, new):
                return self._whole([after])[0]
        raise SiemUnavailable(
            f"alert {alert_id} is being changed by somebody else", hint="try again"
        )

    def _finding(self, findings: Findings, alert: Alert) -> Finding | None:
        return findings.of_alerts([alert.alert_id], alert.event_time).get(alert.alert_id)

    def _whole(self, rows: Sequence[Document]) -> list[Alert]:
        """Alerts with the number of events that each stands for, and their verdicts so far."""
        ids = [str(row["_key"]) for row in rows]
        counts = self._counts(ids)
        own = self._verdicts.told_of(ids)
        histories = {name: [closing(row) for row in own.get(name, ())] for name in ids}
        touched: set[str] = set()
        findings = self._findings()
        if findings is not None and rows:
            first = min(parsed(row["event_time"]) for row in rows)
            reviewed, touched = _reviewed(findings, ids, first, histories)
            histories |= reviewed
        return [
            _alert(row, max(1, counts.get(name, 1)), histories[name], touched=name in touched)
            for name, row in zip(ids, rows, strict=True)
        ]

    def _counts(self, ids: Sequence[str]) -> dict[str, int]:
        events: dict[str, set[str]] = {}
        for start in range(0, len(ids), KEYS):
            query = {"$or": [{"alert_id": name} for name in ids[start : start + KEYS]]}
            for hit in self._kv.rows(ALERT_HITS, query, fields=("alert_id", "event_id")):
                events.setdefault(str(hit["alert_id"]), set()).add(str(hit.get("event_id")))
        return {name: len(found) for name, found in events.items()}


def _reviewed(
    findings: Findings,
    ids: Sequence[str],
    first: datetime,
    own: Mapping[str, Sequence[Closing]],
) -> tuple[dict[str, list[Closing]], set[str]]:
    """Reviews in Enterprise Security as verdicts too, and which alerts had some."""
    by_alert = findings.of_alerts(ids, first)
    changes = findings.changes(finding.finding_id for finding in by_alert.values())
    dispositions = findings.dispositions()
    histories, touched = {}, set()
    for name, finding in by_alert.items():
        done = changes.get(finding.finding_id, [])
        if any(not change.is_ours for change in done):
            touched.add(name)
        theirs = told(done, dispositions, own.get(name, ()))
        histories[name] = sorted([*own.get(name, ()), *theirs], key=lambda one: one.label_time)
    return histories, touched


def _asked(query: AlertQuery) -> dict[str, Any]:
    wanted: list[dict[str, Any]] = [
        {name: value}
        for name, value in (("detector", query.detector), ("version", query.version))
        if value is not None
    ]
    if query.window is not None:
        wanted.append({"event_time": {"$gte": seconds(query.window.since)}})
        wanted.append({"event_time": {"$lt": seconds(query.window.until)}})
    return {"$and": wanted} if wanted else {}


def _state(history: Sequence[Closing]) -> dict[str, Any]:
    """What an alert's row says about its closings."""
    stands = standing(history)
    if not stands:
        return {"status": "open", "verdict": None, "closed_at": None, "labeller": None}
    last = history[stands[-1]]
    return {
        "status": "closed",
        "verdict": last.verdict,
        "closed_at": seconds(last.label_time),
        "labeller": last.labeller,
    }


def _same(one: Document, other: Document) -> bool:
    names = ("status", "verdict", "labeller", "touched")
    written = all((one.get(name) or None) == (other.get(name) or None) for name in names)
    return written and _tags(one) == _tags(other)


def _tags(row: Document) -> list[str]:
    tags = row.get("tags") or []
    if isinstance(tags, str):
        tags = json.loads(tags)
    return [str(tag) for tag in tags]


def _yes(value: object) -> bool:
    return value in (True, 1, "1", "true")


def _alert(row: Document, events: int, history: Sequence[Closing], *, touched: bool) -> Alert:
    stands = standing(history)
    last = history[stands[-1]] if stands else None
    return Alert(
        alert_id=str(row["_key"]),
        rule=str(row["rule"]),
        detector=str(row["detector"]),
        version=str(row.get("version") or ""),
        entity=row.get("entity") or None,
        event_id=str(row["event_id"]),
        event_time=parsed(row["event_time"]),
        raised_at=parsed(row["raised_at"]),
        score=float(row["score"]),
        risk=float(row["risk"]),
        severity=Severity(row["severity"]),
        events=events,
        reasons=row.get("reasons") or "[]",
        verdict=None if last is None else Verdict(last.verdict),
        closed_at=None if last is None else last.label_time,
        labeller=None if last is None else last.labeller,
        tags=tuple(_tags(row)),
        touched=touched or _yes(row.get("touched")),
        chance=float(row["chance"]) if row.get("chance") else None,
    )
