"""Reads findings, their reviews and investigations from Enterprise Security.

Findings are in its index; what analysts do with them is in a lookup with a row for each change.
Both are read through Enterprise Security's own macros and lookups, wherever these point.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scoreback.connectors.splunk.labels.dispositions import Dispositions
from scoreback.connectors.splunk.labels.reviews import Change, change_of
from scoreback.connectors.splunk.rules.spl import in_search, rule_name
from scoreback.connectors.splunk.times import epoch, parsed
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.export import search
from scoreback.errors import SiemRefused
from scoreback.records import Verdict
from scoreback.times import EPOCH

AGE = timedelta(days=90)  # a finding can be judged this long after it was raised
SOME = 200  # findings requested by name in one search
PAGE = 100  # investigations per answer

_FINDINGS = "search `get_notable_index` | eval `get_event_id_meval`"
_REVIEWS = "| inputlookup incident_review_lookup"
_MILLISECONDS = 10**11  # a time in seconds after the year 5000 must be in milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding, with what labels need of it."""

    finding_id: str
    at: datetime  # time of the event that it is about
    rule: str  # Scoreback's rule name, or for another finding the name of its search
    event_id: str | None  # id of the raw event, if it names one
    alert_id: str  # id of Scoreback's alert, or the finding's own id
    fields: Mapping[str, Any]


class Findings:
    """The findings of one Enterprise Security."""

    def __init__(self, client: Client, own: Mapping[str, Verdict], app: str, user: str) -> None:
        """Read through *client*.

        Args:
            client: the connection's client.
            own: what the settings say about dispositions.
            app: the app whose API serves the investigations.
            user: the connection's user name in Splunk.
        """
        self._client, self._own, self._app, self._user = client, own, app, user

    def dispositions(self) -> Dispositions:
        """The meaning of dispositions and statuses in this deployment."""
        return Dispositions.of(
            search(self._client, "| inputlookup disposition_lookup"),
            search(self._client, "| inputlookup reviewstatuses_lookup"),
            self._own,
        )

    def changed(self, since: datetime, until: datetime | None) -> set[str]:
        """The findings whose review changed in this time."""
        bound = f" time<{epoch(until)}" if until is not None else ""
        rows = search(self._client, f"{_REVIEWS} | where time>={epoch(since)}{_and(bound)}")
        return {str(row["rule_id"]) for row in rows if row.get("rule_id")}

    def changes(self, findings: Iterable[str]) -> dict[str, list[Change]]:
        """All changes to each of *findings*, by finding."""
        found: dict[str, list[Change]] = {}
        for some in _portions(findings):
            rows = search(self._client, f"{_REVIEWS} | search rule_id IN ({_listed(some)})")
            for order, row in enumerate(rows):
                change = change_of(row, _moment(row.get("time")), order, self._user)
                if change.finding in some:
                    found.setdefault(change.finding, []).append(change)
        return found

    def named(self, findings: Iterable[str], since: datetime) -> dict[str, Finding]:
        """Those of *findings* that were raised in `AGE` before *since* or later, by id."""
        found = {}
        earliest = epoch(max(since - AGE, EPOCH))  # Splunk accepts no earlier time
        for some in _portions(findings):
            spl = f"{_FINDINGS} | search event_id IN ({_listed(some)})"
            for row in search(self._client, spl, earliest=earliest):
                finding = _finding(row)
                if finding.finding_id in some:
                    found[finding.finding_id] = finding
        return found

    def of_alerts(self, alerts: Iterable[str], since: datetime) -> dict[str, Finding]:
        """The findings of Scoreback's *alerts* with events not older than *since*, by alert."""
        found: dict[str, Finding] = {}
        for some in _portions(alerts):
            spl = (
                f"search `get_notable_index` scoreback_alert_id IN ({_listed(some)})"
                " | eval `get_event_id_meval`"
            )
            for row in search(self._client, spl, earliest=epoch(since)):
                finding = _finding(row)
                found.setdefault(finding.alert_id, finding)
        return found

    def update(self, finding: str, status: str, disposition: str, comment: str) -> None:
        """Change the review of one finding.

        Raises:
            SiemRefused: Enterprise Security did not change it.
        """
        form = {"ruleUIDs": finding, "status": status, "disposition": disposition}
        self._reviewed({**form, "comment": comment}, f"finding {finding}")

    def comment(self, findings: Iterable[str], comment: str) -> None:
        """Add *comment* to the reviews of *findings* and change nothing else.

        Raises:
            SiemRefused: Enterprise Security did not accept it.
        """
        for some in _portions(findings):
            self._reviewed({"ruleUIDs": some, "comment": comment}, f"{len(some)} findings")

    def _reviewed(self, form: Mapping[str, object], what: str) -> None:
        answer = self._client.call("POST", "/services/notable_update", form=form)
        if not isinstance(answer, dict) or not answer.get("success", True):
            said = answer.get("message", "") if isinstance(answer, dict) else ""
            raise SiemRefused(
                f"Enterprise Security did not change {what}: {said}",
                hint="give the connection's user permission to edit findings",
            )

    def investigations(self, since: datetime) -> Iterator[Mapping[str, Any]]:
        """Yield the investigations that changed at or after *since*; older versions have none."""
        path = f"/servicesNS/nobody/{self._app}/public/v2/investigations"
        offset = 0
        while True:
            params = {"limit": PAGE, "offset": offset}
            answer = self._client.call("GET", path, params=params, absent=(400, 404))
            page = _listing(answer)
            for investigation in page:
                if _moment(investigation.get("update_time")) >= since:
                    yield investigation
            if len(page) < PAGE:
                return
            offset += PAGE


def _finding(row: Mapping[str, Any]) -> Finding:
    finding_id = _one(row.get("event_id"))
    named = _one(row.get("search_name")) or _one(row.get("source"))
    return Finding(
        finding_id=finding_id,
        at=_moment(_one(row.get("orig_time")) or row.get("_time")),
        rule=rule_name(named) or named,
        event_id=_one(row.get("scoreback_event_id")) or None,
        alert_id=_one(row.get("scoreback_alert_id")) or finding_id,
        fields=row,
    )


def findings_of(investigation: Mapping[str, Any]) -> list[str]:
    """The ids of the findings that *investigation* covers."""
    listed = investigation.get("findings") or investigation.get("consolidated_findings") or []
    if isinstance(listed, Mapping):
        listed = listed.get("event_id") or []
    if not isinstance(listed, list):
        listed = [listed]
    found = []
    for one in listed:
        if isinstance(one, Mapping):
            one = one.get("event_id") or one.get("finding_id") or one.get("id")
        if one:
            found.append(str(one))
    return found


def moment_of(investigation: Mapping[str, Any]) -> datetime:
    """When *investigation* last changed."""
    return _moment(investigation.get("update_time"))


def _moment(value: object) -> datetime:
    """A time from Enterprise Security: epoch seconds or milliseconds, or text."""
    text = _one(value)
    try:
        number = float(text)
    except ValueError:
        try:
            told = datetime.fromisoformat(text)
        except ValueError:
            return datetime(1970, 1, 1, tzinfo=UTC)
        return told if told.tzinfo else told.replace(tzinfo=UTC)
    return parsed(number / 1000 if number > _MILLISECONDS else text)


def _listing(answer: object) -> list[Mapping[str, Any]]:
    """The investigations in *answer*, which some versions wrap in an object."""
    if isinstance(answer, Mapping):
        answer = next((value for value in answer.values() if isinstance(value, list)), [])
    return [one for one in answer if isinstance(one, Mapping)] if isinstance(answer, list) else []


def _portions(ids: Iterable[str]) -> Iterator[Sequence[str]]:
    # A wildcard would find the ids of others too; no id contains one.
    usable = sorted({one for one in ids if one and "*" not in one})
    for start in range(0, len(usable), SOME):
        yield usable[start : start + SOME]


def _listed(ids: Sequence[str]) -> str:
    return ",".join(in_search(one) for one in ids)


def _and(bound: str) -> str:
    return f" AND{bound}" if bound else ""


def _one(value: object) -> str:
    """The text of *value*, or of its first item."""
    if isinstance(value, list):
        return _one(value[0]) if value else ""
    return "" if value is None else str(value)
