"""What analysts do with alerts of Elastic Security: list, close, reopen and tag them.

These are the alerts about Scoreback's scores, whatever rule raised them. Kibana keeps only the
latest state of an alert, without its author: Scoreback's collection of verdicts records what was
closed through Scoreback, and `OwnActions` tells such closings from those of analysts. Reads go
through Elasticsearch, changes through Kibana's API.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from scoreback.connectors.closings import refuse_before_event
from scoreback.connectors.doors.alerts import AlertQuery
from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.kibana.found import FoundAlert, FoundAlerts
from scoreback.connectors.elastic.kibana.labels.hits import CLOSED
from scoreback.connectors.elastic.kibana.labels.meanings import REASONS, TAGS, Meanings
from scoreback.connectors.elastic.kibana.labels.own import NOTHING, OwnActions, Pending
from scoreback.connectors.elastic.kibana.labels.pages import alerts_index
from scoreback.connectors.elastic.names import Names
from scoreback.connectors.elastic.rule_engine.alert_fields import fields_of
from scoreback.connectors.elastic.rule_engine.verdicts import Verdicts
from scoreback.connectors.elastic.wire.client import Client
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import Alert, Verdict
from scoreback.times import moment

SIGNALS = "/api/detection_engine/signals"
AT_ONCE = 1_000  # alerts per request; Kibana accepts a body of 1 MB
ATTEMPTS = 5  # attempts at a change that others make at the same moment


class Alerts:
    """The alerts of one space that are about Scoreback's scores."""

    def __init__(
        self,
        client: Client,
        kibana: Kibana,
        names: Names,
        meanings: Meanings,
        verdicts: Verdicts,
    ) -> None:
        """Read through *client*, change through *kibana*; closings are recorded in *verdicts*."""
        self._client, self._names = client, names
        self._kibana, self._verdicts = kibana, verdicts
        self._own = OwnActions(client, names)
        self._found = FoundAlerts(client, kibana, names, meanings, self._own, verdicts)

    def find(self, query: AlertQuery = AlertQuery()) -> Iterator[Alert]:  # noqa: B008 - frozen
        """Yield the alerts of *query*, ordered by the time of their opening event, oldest first."""
        for found in self._found.of(query):
            yield found.alert

    def fields_of(self, alerts: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
        """By alert id, the fields of its opening event that the score copied."""
        return fields_of(self._client, self._names, alerts)

    def link_of(self, alert: Alert) -> str | None:
        """Kibana's page of *alert*, as in ``kibana.alert.url``."""
        raised = alert.raised_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        place = urlencode({"index": alerts_index(self._kibana.space), "timestamp": raised})
        path = f"/app/security/alerts/redirect/{quote(alert.alert_id, safe='')}?{place}"
        return self._kibana.address_of(path)

    def close(self, alert_id: str, verdict: Verdict, *, labeller: str, at: datetime) -> Alert:
        """Close the alert with *verdict*; repeating it changes nothing."""
        found = self._found.one(alert_id)
        refuse_before_event(found.alert, at)
        if (found.alert.verdict, found.alert.labeller) == (verdict, labeller):
            return found.alert
        reason = REASONS[verdict] if self._kibana.differences.closing_reasons else None
        self._follow(found)

        def tell() -> None:
            self._verdicts.close(found.alert, verdict, labeller, at)

        if reason is None:
            self._say_by_tag(found, TAGS.get(verdict))
        self._change(found, CLOSED, reason, tell)
        return self._found.one(alert_id).alert

    def reopen(self, alert_id: str, *, at: datetime) -> Alert:
        """Reopen the alert and withdraw the verdicts that stand on it."""
        found = self._found.one(alert_id)
        self._follow(found)

        def tell() -> None:
            self._verdicts.withdraw(alert_id, at)

        if self._own_verdict_tags(found):
            self._say_by_tag(found, None)
        self._change(found, "open", None, tell)
        return self._found.one(alert_id).alert

    def tag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Put *tag* on alerts, once each; returns how many got it."""
        count = 0
        ids = list(dict.fromkeys(alert_ids))
        for start in range(0, len(ids), AT_ONCE):
            some = self._found.under(ids[start : start + AT_ONCE])
            new = [found.alert.alert_id for found in some if tag not in found.alert.tags]
            if new:
                # first, so that Scoreback's tag never counts as an analyst's
                self._own.tagged(new, tag)
                self._tags(new, add=[tag])
                count += len(new)
        return count

    def untag(self, alert_ids: Sequence[str], tag: str) -> int:
        """Remove *tag* from alerts; returns how many had it."""
        count = 0
        ids = list(dict.fromkeys(alert_ids))
        for start in range(0, len(ids), AT_ONCE):
            some = self._found.under(ids[start : start + AT_ONCE])
            having = [found.alert.alert_id for found in some if tag in found.alert.tags]
            if having:
                self._tags(having, remove=[tag])
                count += len(having)
        return count

    def _follow(self, found: FoundAlert) -> None:
        """Withdraw the recorded verdicts where an analyst has changed the alert since."""
        if found.changed is not None and not found.is_ours:
            self._verdicts.withdraw(found.alert.alert_id, moment(found.changed))

    def _change(
        self, found: FoundAlert, status: str, reason: str | None, tell: Callable[[], None]
    ) -> None:
        """Give an alert a *status*; *tell* records the verdict once Kibana accepted it."""
        if found.status == status == CLOSED:
            # Kibana does not change the reason of a closed alert, so open it for a moment.
            self._set(found, "open", None)
            found = self._found.one(found.alert.alert_id)
        if found.status != status:
            self._set(found, status, reason, tell)
        else:
            tell()

    def _set(
        self,
        found: FoundAlert,
        status: str,
        reason: str | None,
        tell: Callable[[], None] | None = None,
    ) -> None:
        alert_id = found.alert.alert_id
        self._own.begin(alert_id, Pending(status=status, reason=reason, before=found.changed))
        body: dict[str, Any] = {"signal_ids": [alert_id], "status": status}
        try:
            self._ask("/status", body | ({"reason": reason} if reason else {}))
        except SiemRefused:
            self._own.refused(alert_id)
            raise
        if tell is not None:
            tell()
        changed = self._found.changed(found)
        if changed is not None:
            self._own.done(alert_id, changed)

    def _say_by_tag(self, found: FoundAlert, tag: str | None) -> None:
        """Replace Scoreback's earlier verdict tag on the alert with *tag*."""
        old = [one for one in self._own_verdict_tags(found) if one != tag]
        if tag is not None and tag not in found.alert.tags:
            self._own.tagged([found.alert.alert_id], tag)
            self._tags([found.alert.alert_id], add=[tag], remove=old)
        elif old:
            self._tags([found.alert.alert_id], remove=old)

    def _own_verdict_tags(self, found: FoundAlert) -> list[str]:
        ours = self._own.of([found.alert.alert_id]).get(found.alert.alert_id, NOTHING).tags
        return [tag for tag in TAGS.values() if tag in ours and tag in found.alert.tags]

    def _tags(
        self, alert_ids: Sequence[str], *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> None:
        tags = {"tags_to_add": list(add), "tags_to_remove": list(remove)}
        self._ask("/tags", {"ids": list(alert_ids), "tags": tags})

    def _ask(self, path: str, body: Mapping[str, Any]) -> None:
        """Make a change; repeat it while somebody else changes the same alerts.

        Raises:
            SiemUnavailable: the change could not be made.
            SiemRefused: Kibana refused it.
        """
        for _ in range(ATTEMPTS):
            answer = self._kibana.call("POST", SIGNALS + path, body, absent=(409,))
            if answer is not None and not answer.get("version_conflicts"):
                return
        raise SiemUnavailable("somebody else is changing the same alerts", hint="try again")
