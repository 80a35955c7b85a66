"""Reads the fields of the events that opened alerts, as their stored scores hold them.

Field names are those in Splunk: with ``_`` where the detector's file has a dot.
"""

import json
import logging
import math
from collections.abc import Mapping, Sequence

from scoreback.connectors.splunk.names import SCORES
from scoreback.connectors.splunk.spl import text
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.export import search
from scoreback.connectors.splunk.writing.own_events import OwnEvents
from scoreback.records import SHOWN_STAGES, Alert

_AT_ONCE = 100  # alerts per search
_RAW = "scoreback_raw"
_OWN = "scoreback_"
_OURS = frozenset({"event_kind", "event_risk_score", "event_severity", "orig_time"})
_STAGES = frozenset(one.value for one in SHOWN_STAGES)

_log = logging.getLogger(__name__)


def fields_of(client: Client, alerts: Sequence[Alert]) -> dict[str, dict[str, str]]:
    """By alert id, the fields copied from its opening event; alerts without any are left out."""
    told: dict[tuple[str, str, str], dict[str, str]] = {}
    # so that each search covers a short time
    ordered = sorted(alerts, key=lambda one: one.event_time)
    base = OwnEvents(client, SCORES).base({})
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        ids = ",".join(text(name) for name in sorted({one.event_id for one in some}))
        rows = search(
            client,
            f"search {base} scoreback_event_id IN ({ids})"
            f" | eval {_RAW}=_raw | fields {_RAW} | fields - _*",
            earliest=str(math.floor(some[0].event_time.timestamp())),
            latest=str(math.floor(some[-1].event_time.timestamp()) + 1),
        )
        for row in rows:
            try:
                score = json.loads(row[_RAW])
                key = score[f"{_OWN}detector"], score[f"{_OWN}version"], score[f"{_OWN}event_id"]
                stage = score[f"{_OWN}stage"]
            except (ValueError, KeyError, TypeError) as error:
                _log.warning("an event of %s was not written by Scoreback: %s", SCORES, error)
                continue
            if stage in _STAGES:
                told[key] = _copied(score)
    found = {one.alert_id: told.get((one.detector, one.version, one.event_id)) for one in alerts}
    return {alert_id: fields for alert_id, fields in found.items() if fields}


def _copied(score: Mapping[str, object]) -> dict[str, str]:
    return {
        name: _text(value)
        for name, value in score.items()
        if value is not None and name not in _OURS and not name.startswith(_OWN)
    }


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_text(each) for each in value if each is not None)
    return str(value)
