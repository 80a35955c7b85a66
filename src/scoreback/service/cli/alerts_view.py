"""Alerts for people: the list, by risk, and which alert a short id means."""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from scoreback.connectors.doors.alerts import AlertFields, AlertLinks, AlertQuery, AlertsDoor
from scoreback.errors import SiemRefused
from scoreback.records import Alert
from scoreback.service.cli import show
from scoreback.service.cli.reasons import in_words
from scoreback.service.cli.usage import UsageError

_NAMED = 10  # alerts that the error about an ambiguous id names

_COLUMNS = ("alert", "risk", "time", "entity", "events", "verdict", "rule")


def riskiest(found: Iterable[Alert], limit: int, since: datetime | None = None) -> list[Alert]:
    """At most *limit* of the alerts *found*: highest risk first, then newest first.

    Args:
        found: the alerts.
        limit: the most alerts to return.
        since: only alerts on events from this time on.
    """
    wanted = (one for one in found if since is None or one.event_time >= since)
    return heapq.nlargest(limit, wanted, key=lambda one: (one.risk, one.event_time, one.alert_id))


def named(alerts: AlertsDoor, given: str) -> str:
    """The full id of the alert that *given* means: an id, or the beginning of one.

    This reads every alert, so call it only when *given* is not a full id.

    Raises:
        UsageError: the ids of several alerts begin with *given*; the error names them.
        SiemRefused: no alert's id begins with *given*.
    """
    meant = set()
    if given:
        for one in alerts.find(AlertQuery()):
            if one.alert_id == given:
                return given
            if one.alert_id.startswith(given):
                meant.add(one.alert_id)
    if len(meant) > 1:
        listed = ", ".join(sorted(meant)[:_NAMED])
        raise UsageError(
            f"{len(meant)} alerts have an id that begins with {given!r}",
            hint=f"name one of: {listed}",
        )
    if not meant:
        raise SiemRefused(
            f"no alert has an id that begins with {given!r}",
            hint="list the alerts with `scoreback verdict` and copy the id from there",
        )
    return meant.pop()


def fields_of(alerts: AlertsDoor, listed: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
    """The fields that `write.copy_fields` copied, by alert id; empty if the SIEM cannot say."""
    return alerts.fields_of(listed) if isinstance(alerts, AlertFields) else {}


def links_of(alerts: AlertsDoor, listed: Sequence[Alert]) -> Mapping[str, str]:
    """The SIEM's page of each alert, by alert id; alerts without a page are left out."""
    if not isinstance(alerts, AlertLinks):
        return {}
    links = {one.alert_id: alerts.link_of(one) for one in listed}
    return {alert_id: link for alert_id, link in links.items() if link is not None}


def show_alerts(
    alerts: Sequence[Alert],
    fields: Mapping[str, Mapping[str, str]],
    links: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Print one block per alert on a narrow screen, one row per alert on a wide one."""
    names = sorted({name for said in fields.values() for name in said})
    show.table(
        "Alerts, by risk",
        (*_COLUMNS, *names, "why", *(["page"] if links else [])),
        [
            (
                one.alert_id,
                f"{one.risk:.0f}",
                f"{one.event_time:%Y-%m-%d %H:%M} UTC",
                one.entity,
                one.events,
                one.verdict or "open",
                one.rule,
                *(fields.get(one.alert_id, {}).get(name) for name in names),
                in_words(one.reasons),
                *([links.get(one.alert_id)] if links else []),
            )
            for one in alerts
        ],
        numbers=" r  r",
        prose=("why", *names),
        blocks=True,
    )
