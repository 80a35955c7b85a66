"""Brings overrides that were made on the SIEM's own pages into the state."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from scoreback.connectors.doors.settings import SettingsStore
from scoreback.errors import SiemError, StateError
from scoreback.service.app import App
from scoreback.service.in_force.detector import InForce
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.in_force.settings_store import sync_store, tell_store

OVERLAP = timedelta(hours=1)  # read again each time, as the SIEM may show a change late
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_JOB, _ALL = "settings", "all"  # the lock of whoever brings them in
_LONGEST_WAIT = 10.0  # seconds

_log = logging.getLogger(__name__)


def log_warning(text: str) -> None:
    """Log *text* as a warning."""
    _log.warning("%s", text)


def sync_settings(app: App, *, now: datetime, warn: Callable[[str], None] = log_warning) -> int:
    """Read what is new behind the settings door; return how many overrides are new.

    Where the SIEM also stores what the service changes, it gets those changes. If a SIEM does not
    answer, or refuses, nothing changes: what was in force stays in force.

    Args:
        app: the open workspace.
        now: the current time, which changes made by hand get.
        warn: called with what could not be read, written or taken over.
    """
    door = app.connector.settings
    if door is None:
        return 0
    overrides = Overrides(app.state)
    try:
        if isinstance(door, SettingsStore):
            with ExitStack() as held:
                try:
                    held.enter_context(app.state.lock(_ALL, _JOB, wait=_LONGEST_WAIT))
                except StateError:
                    return 0  # the process that holds the lock brings them in
                return sync_store(app, door, now=now, warn=warn)
        last = overrides.latest_of(app.connector.name)
        found = list(door.overrides(_FIRST if last is None else last - OVERLAP))
    except SiemError as error:
        warn(f"settings in the SIEM could not be read: {error.message}")
        return 0
    return sum(overrides.add(one, source=app.connector.name) for one in found)


def tell_settings(app: App, name: str, now: InForce) -> None:
    """Record in the SIEM which settings of the detector *name* count, where it stores that."""
    door = app.connector.settings
    if isinstance(door, SettingsStore):
        try:
            tell_store(door, name, now)
        except SiemError as error:
            _log.warning("settings in the SIEM could not be written: %s", error.message)
