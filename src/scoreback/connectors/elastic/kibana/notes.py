"""Whether analysts wrote notes on alerts, which Kibana stores separately from the alerts.

Without permission to read notes, every alert counts as touched.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from scoreback.connectors.elastic.kibana.client import Kibana

SOME = 40  # alerts per request: each takes 80 characters of a path


def noted(kibana: Kibana, alert_ids: Sequence[str]) -> set[str]:
    """Those of *alert_ids* with notes."""
    found: set[str] = set()
    for start in range(0, len(alert_ids), SOME):
        found |= _noted(kibana, alert_ids[start : start + SOME])
    return found


def _noted(kibana: Kibana, alert_ids: Sequence[str]) -> set[str]:
    """Those of *alert_ids* with notes; all of them without permission to read notes."""
    query = urlencode([("documentIds", name) for name in alert_ids])
    answer = kibana.call("GET", f"/api/note?{query}", absent=(403, 404))
    if answer is None:
        return set(alert_ids)
    return {str(note.get("eventId")) for note in answer.get("notes", [])}
