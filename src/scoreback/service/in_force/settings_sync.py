"""Brings overrides that were made in the SIEM's own pages into the state."""

import logging
from datetime import UTC, datetime, timedelta

from scoreback.errors import SiemUnavailable
from scoreback.service.app import App
from scoreback.service.in_force.overrides import Overrides

OVERLAP = timedelta(hours=1)  # asked for again: the SIEM may show a change late
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)

_log = logging.getLogger(__name__)


def sync_settings(app: App) -> int:
    """Read what is new behind the settings door; how many overrides are.

    A SIEM that does not answer changes nothing: what was in force stays so.
    """
    door = app.connector.settings
    if door is None:
        return 0
    overrides = Overrides(app.state)
    last = overrides.latest_of(app.connector.name)
    try:
        found = list(door.overrides(_FIRST if last is None else last - OVERLAP))
    except SiemUnavailable as error:
        _log.warning("settings in the SIEM could not be read: %s", error.message)
        return 0
    return sum(overrides.add(one, source=app.connector.name) for one in found)
