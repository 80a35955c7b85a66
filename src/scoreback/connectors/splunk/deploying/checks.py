"""Findings about whether a detector can work on this Splunk, each with its fix."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from scoreback.connectors.doors import ResourcesDoor
from scoreback.connectors.resource_findings import resource_findings
from scoreback.connectors.splunk.deploying.server_checks import server_findings
from scoreback.connectors.splunk.reading.events import Events
from scoreback.connectors.splunk.reading.selection import Selection
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.hec import Hec
from scoreback.errors import SiemRefused
from scoreback.records import EventQuery, Finding

SPARSE = 0.5  # warn about a field that more than half of the events lack
_NAMES_AN_INDEX = re.compile(r"\bindex\s*(?:=|::|\bIN\b)", re.IGNORECASE)


def check(
    client: Client,
    hec: Hec,
    events: Events,
    settings: SplunkSettings,
    query: EventQuery,
    *,
    resources: ResourcesDoor | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Sequence[Finding]:
    """Findings for *query*, the fatal ones first.

    Raises:
        SiemUnavailable: Splunk stopped answering.
    """
    found = list(server_findings(client, hec, settings, now))
    if resources is not None:
        found += resource_findings(resources)
    found += _selection(events, settings, query)
    return sorted(found, key=lambda finding: not finding.fatal)


def _selection(events: Events, settings: SplunkSettings, query: EventQuery) -> Iterator[Finding]:
    try:
        selection = Selection.of(query.selection)
        looked_for = {name: selection.looked_for(name) for name in dict.fromkeys(query.fields)}
        rows = events.sample(selection)
    except SiemRefused as error:
        yield Finding(what=error.message, fix=error.hint)
        return
    if not _NAMES_AN_INDEX.search(selection.search.text) and not selection.search.macros:
        yield Finding(
            what="the search names no index: it searches the indexes that the user's role searches"
            " by default",
            fix="begin it with index=NAME",
            fatal=False,
        )
    if not rows:
        yield Finding(
            what="the search finds no event",
            fix="check events.splunk: do the index and the sourcetype exist, and may the user"
            " search them?",
            fatal=False,
        )
    for name, names in looked_for.items():
        yield from _presence(rows, name, names)
    if rows:
        yield from _identity(rows, selection)
        yield from _far_away(rows, settings)


def _presence(
    rows: Sequence[Mapping[str, Any]], name: str, names: Sequence[str]
) -> Iterator[Finding]:
    """Findings for fields that no event of a sample has, or only few."""
    have = sum(any(theirs in row for theirs in names) for row in rows)
    if not have and rows:
        yield Finding(
            what=f"none of {len(rows):,} events has {name!r}, looked for as {', '.join(names)}",
            fix=f"name it as Splunk does: fields: {{{name}: THEIRS}}",
        )
    elif have < SPARSE * len(rows):
        yield Finding(
            what=f"{1 - have / len(rows):.0%} of {len(rows):,} events have no {name!r}",
            fix="check that the search covers events that have this field",
            fatal=False,
        )


def _identity(rows: Sequence[Mapping[str, Any]], selection: Selection) -> Iterator[Finding]:
    """Findings for id fields that do not tell events apart."""
    for name in selection.id:
        have = sum(name in row for row in rows) if not name.startswith("_") else len(rows)
        if have < len(rows):
            yield Finding(
                what=f"{len(rows) - have:,} of {len(rows):,} events have no {name!r}, which is an"
                " id field",
                fix="name fields under id that every event has, or leave id out",
                fatal=False,
            )
    ids = {str(row.get(Events.ID)) for row in rows}
    if selection.id and len(ids) < len(rows):
        yield Finding(
            what=f"{len(rows):,} events have {len(ids):,} ids: of several events with the same id,"
            " only the first is read",
            fix="add fields to id, such as _time, or leave id out",
            fatal=False,
        )


def _far_away(rows: Sequence[Mapping[str, Any]], settings: SplunkSettings) -> Iterator[Finding]:
    """Findings for events whose time is too far from the time when Splunk indexed them."""
    reach = settings.reach.total_seconds()
    far = 0
    for row in rows:
        try:
            gap = abs(float(row[Events.ARRIVAL]) - float(row[Events.TIME]))
        except (KeyError, TypeError, ValueError):
            continue
        far += gap > reach
    if far:
        yield Finding(
            what=f"the time of {far:,} of {len(rows):,} events is more than {settings.reach} away"
            " from their index time: such events are not read",
            fix="raise reach, or correct how Splunk extracts the time of these events",
            fatal=False,
        )
