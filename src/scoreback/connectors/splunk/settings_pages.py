"""The settings door: what admins changed on the app's pages, with author and time.

The page's handler in Splunk keeps a history with each detector's settings. A value that is not in
the history was written around the page, by REST or in a file: its author is unknown and recorded as
unknown, and it counts as made just after the last known change.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from scoreback.connectors.doors.settings import Override
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.conf import Conf

FILE = "scoreback_detectors"
NOBODY = "unknown, past the settings page"
# The keys on the page, with the service's names for them.
KEYS: Mapping[str, str] = {
    "enabled": "enabled",
    "alerts_budget": "alerts.budget",
    "alerts_day_starts": "alerts.day_starts",
    "alerts_burst": "alerts.burst",
    "alerts_least_precision": "alerts.least_precision",
    "alerts_severity": "alerts.severity",
    "alerts_deliver": "alerts.deliver",
    "alerts_per_entity": "alerts.per_entity",
    "alerts_throttle": "alerts.throttle",
    "alerts_audit": "alerts.audit",
    "gate_shadow": "gate.shadow",
    "gate_approval": "gate.approval",
    "gate_explore": "gate.explore",
    "gate_min_verdicts": "gate.min_verdicts",
    "gate_min_precision": "gate.min_precision",
    "labels_benign_positive": "labels.benign_positive",
    "labels_flood": "labels.flood",
    "schedule_score": "schedule.score",
    "train_when_drift": "train.when.drift",
    "train_when_precision_drop": "train.when.precision_drop",
    "train_when_verdicts": "train.when.verdicts",
    "train_when_at_most_every": "train.when.at_most_every",
}

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_NO_DETECTOR = "default"

_log = logging.getLogger(__name__)


class SettingsPages:
    """The settings that admins made in one Splunk."""

    def __init__(self, client: Client) -> None:
        """Read through *client*."""
        self._conf = Conf(client)

    def overrides(self, since: datetime) -> Iterator[Override]:
        """Yield the overrides made at or after *since*, oldest first.

        Overrides whose time is unknown are yielded each time.
        """
        found = []
        for detector, content in self._conf.stanzas(FILE).items():
            if detector != _NO_DETECTOR:
                known = list(_known(detector, content.get("history")))
                found += [one for one in known if one.at >= since]
                found += _unknown(detector, content, known)
        yield from sorted(found, key=lambda one: (one.at, one.detector, one.key))


def _known(detector: str, history: object) -> Iterator[Override]:
    """The handler's history, oldest first; entries that cannot be read are skipped and logged."""
    try:
        entries = json.loads(str(history or "[]"))
    except ValueError:
        entries = None
    if not isinstance(entries, list):
        _log.warning("the history of settings of %r in Splunk cannot be read", detector)
        return
    for entry in entries:
        try:
            at = datetime.fromisoformat(entry["at"])
            key, value, author = KEYS[entry["key"]], str(entry["value"]), str(entry["by"])
            reason = str(entry.get("reason") or "")
            if at.tzinfo is None:
                raise ValueError(entry["at"])  # noqa: TRY301 - told like all that is not an entry
        except (KeyError, TypeError, ValueError, AttributeError):
            _log.warning("an entry of the history of settings of %r cannot be read", detector)
            continue
        yield Override(
            detector=detector, key=key, value=value or None, author=author, at=at, reason=reason
        )


def _unknown(
    detector: str, content: Mapping[str, Any], known: Sequence[Override]
) -> Iterator[Override]:
    """The values in *content* that differ from the last *known* value of their key."""
    last = {one.key: one for one in known}
    for name, key in KEYS.items():
        value = str(content.get(name) or "") or None
        before = last.get(key)
        if value != (None if before is None else before.value):
            at = _FIRST if before is None else before.at + _TICK
            yield Override(detector=detector, key=key, value=value, author=NOBODY, at=at)
