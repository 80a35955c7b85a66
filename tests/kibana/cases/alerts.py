"""What a case does to the alerts that are attached to it, on the real node.

As in Kibana's source: the alert's status follows the case's where alerts are synced, the closing
reason only where the status changes, the alert's user not at all. The status is changed by a query
that refreshes nothing: a search sees it when the index's own refresh comes, and a second change
before that is a conflict. Which cases an alert is in is changed by its id, and refreshed.
"""

from collections.abc import Mapping
from typing import Any

from tests.kibana import alert_updates
from tests.kibana.alert_updates import Edit, Update
from tests.kibana.cluster import Cluster
from tests.kibana.objects.store import Json
from tests.kibana.refusals import Refusal

STATUSES = {"open": "open", "in-progress": "acknowledged", "closed": "closed"}
"""Of a case, and what they are of an alert."""
_CASES = "kibana.alert.case_ids"
_STATUS, _REASON = "kibana.alert.workflow_status", "kibana.alert.workflow_reason"
_UPDATED = "kibana.alert.workflow_status_updated_at"
MOST_CASES = 10
"""That an alert may be attached to."""


def attach(cluster: Cluster, alerts: Mapping[str, str], case: str) -> None:
    """Name the case in the alerts (id to index) that it was given.

    Raises:
        Refusal: 400; one of them is in too many cases.
    """

    def script(source: Mapping[str, Any]) -> Edit:
        edit, before = Edit(), list(source.get(_CASES) or ())
        if case not in before:
            if len(before) >= MOST_CASES:
                raise Refusal(400, f"You cannot attach more than {MOST_CASES} cases to an alert")
            edit.set(_CASES, [*before, case])
        return edit

    _each(cluster, alerts, (_CASES,), script, by_id=True)


def detach(cluster: Cluster, alerts: Mapping[str, str], case: str) -> None:
    """Take the case's name out of the alerts."""

    def script(source: Mapping[str, Any]) -> Edit:
        edit, before = Edit(), list(source.get(_CASES) or ())
        if case in before:
            edit.set(_CASES, [one for one in before if one != case])
        return edit

    _each(cluster, alerts, (_CASES,), script, by_id=True)


def follow(
    cluster: Cluster, alerts: Mapping[str, str], status: str, reason: str | None, now: str
) -> int:
    """Give the alerts the case's status; return how many changed.

    Raises:
        Refusal: 409; somebody else changed one in between.
    """
    wanted = STATUSES[status]

    def script(source: Mapping[str, Any]) -> Edit | None:
        if source.get(_STATUS) in (None, wanted):
            return None
        edit = Edit()
        edit.set(_STATUS, wanted)
        edit.set(_UPDATED, now)
        if wanted != "closed":
            if _REASON in source:
                edit.remove(_REASON)
        elif reason is not None:
            edit.set(_REASON, reason)
        return edit

    return _each(cluster, alerts, (_STATUS, _REASON), script)


def _each(
    cluster: Cluster,
    alerts: Mapping[str, str],
    reads: tuple[str, ...],
    script: alert_updates.Script,
    *,
    by_id: bool = False,
) -> int:
    changed = 0
    for index in sorted(set(alerts.values())):
        ids = [one for one, place in alerts.items() if place == index]
        if by_id:
            update = Update(index, None, reads, script, ids=ids)
        else:
            query: Json = {"ids": {"values": ids}}
            update = Update(index, query, reads, script, refresh=False)
        status, answer = alert_updates.run(cluster, update)
        if status != 200:
            raise Refusal(status, alert_updates.reason_of(answer))
        changed += answer["updated"]
    return changed
