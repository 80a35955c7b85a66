"""Alerts for people: which one a short id means, and the list of them, by risk."""

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

_NAMED = 10  # of the alerts that an ambiguous id may mean

_COLUMNS = ("alert", "risk", "time", "entity", "events", "verdict", "rule")


def riskiest(found: Iterable[Alert], limit: int, since: datetime | None = None) -> list[Alert]:
    """At most *limit* of *found*, the highest risk first; of equal risk, the newest first.

    Args:
        found: the alerts.
        limit: of the list.
        since: only alerts on events from this time on.
    """
    wanted = (one for one in found if since is None or one.event_time >= since)
    return heapq.nlargest(limit, wanted, key=lambda one: (one.risk, one.event_time, one.alert_id))


def named(alerts: AlertsDoor, given: str) -> str:
    """The whole id of the alert that *given* means: an id, or its beginning.

    Every alert is looked at, so ask only for what is not an id as it stands.

    Raises:
        UsageError: more than one alert's id begins so; names them.
        SiemRefused: none does.
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
            f"{len(meant)} alerts have an id that begins with {given!r}", hint=f"name one: {listed}"
        )
    if not meant:
        raise SiemRefused(
            f"no alert has an id that begins with {given!r}",
            hint="list the alerts with `scoreback verdict` and copy the id from there",
        )
    return meant.pop()


def fields_of(alerts: AlertsDoor, listed: Sequence[Alert]) -> Mapping[str, Mapping[str, str]]:
    """By alert id, what `write.copy_fields` copied from its event, where the SIEM can say it."""
    return alerts.fields_of(listed) if isinstance(alerts, AlertFields) else {}


def links_of(alerts: AlertsDoor, listed: Sequence[Alert]) -> Mapping[str, str]:
    """By alert id, the page of the SIEM that shows it, where it has one."""
    if not isinstance(alerts, AlertLinks):
        return {}
    links = {one.alert_id: alerts.link_of(one) for one in listed}
    return {alert_id: link for alert_id, link in links.items() if link is not None}


def show_alerts(
    alerts: Sequence[Alert],
    fields: Mapping[str, Mapping[str, str]],
    links: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """One block each on a narrow screen, one row each on a wide one."""
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
