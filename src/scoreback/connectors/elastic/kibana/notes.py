"""Whether analysts wrote notes on alerts: Kibana keeps those beside the alerts, and so is asked.

Who may not read notes has to take every alert for one that somebody has touched.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from scoreback.connectors.elastic.kibana.client import Kibana

if TYPE_CHECKING:
    from scoreback.connectors.elastic.kibana.found import FoundAlert

SOME = 40  # alerts that are asked for at once: each takes 80 characters of a path


def with_notes(
    kibana: Kibana, found: "list[FoundAlert]", quiet: Sequence[str]
) -> "list[FoundAlert]":
    """*found*, those of the *quiet* ones that have a note being touched."""
    noted: set[str] = set()
    for start in range(0, len(quiet), SOME):
        noted |= _noted(kibana, quiet[start : start + SOME])
    return [
        replace(one, alert=replace(one.alert, touched=True)) if one.alert.alert_id in noted else one
        for one in found
    ]


def _noted(kibana: Kibana, alert_ids: Sequence[str]) -> set[str]:
    """Those of *alert_ids* with notes; all of them where we may not read notes."""
    query = urlencode([("documentIds", name) for name in alert_ids])
    answer = kibana.call("GET", f"/api/note?{query}", absent=(403, 404))
    if answer is None:
        return set(alert_ids)
    return {str(note.get("eventId")) for note in answer.get("notes", [])}
