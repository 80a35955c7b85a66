"""Pauses and resumes a detector's alerts at once, whatever else is running.

A pause is a dated override of ``enabled``. It is written into the state first: a run in progress
reads the state before each step, so none of its later scores is marked as an alert. Then the rule
in the SIEM follows. Nothing here waits for a run of scoring or training.

Scores made while alerts are paused are stored unmarked, so they raise no alert later either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from scoreback.errors import ScorebackError
from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.deploying.reconcile import log_warning, rule_of, rules_beside, settle
from scoreback.service.in_force.change import change
from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.in_force.paused import KEY, Paused, paused
from scoreback.service.in_force.settings_sync import sync_settings, tell_settings
from scoreback.service.state.pacing_log import suppressed_since
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import CONTROL, PATIENCE

Warn = Callable[[str], None]
_ON, _OFF = "true", "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """The result of a pause or a resumption."""

    paused: Paused | None  # the pause now in force
    before: Paused | None  # the pause in force before
    rule_follows: bool  # False: the SIEM's rule could not be brought up to date; a warning said why
    held_back: int = 0  # hits that raised nothing while paused, by whole hours; set by a resumption

    @property
    def changed(self) -> bool:
        """Whether anything differs from before."""
        return (self.paused is None) != (self.before is None)


def pause(
    app: App, detector: Detector, *, by: str, reason: str, at: datetime, warn: Warn = log_warning
) -> Switched:
    """Raise no alerts of *detector* from now on; if it is paused already, change nothing.

    Args:
        app: the open workspace.
        detector: the detector as its file has it.
        by: who pauses it, for the audit log.
        reason: why, for the audit log.
        at: the time of the pause.
        warn: called with the reason if the SIEM's rule or settings cannot follow.

    Raises:
        ConfigError: the file locks ``enabled``.
        StateError: another process changes the same detector.
    """
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        before = paused(in_force(app.state, detector))
        if before is None or before.since is None:  # else a repaired file would start it again
            _set(app, detector, _OFF, by, reason, at)
    return _followed(app, detector, before, at, warn)


def resume(
    app: App, detector: Detector, *, by: str, reason: str, at: datetime, warn: Warn = log_warning
) -> Switched:
    """Raise alerts of *detector* again, even where its file switches them off; see `pause`."""
    with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
        now = in_force(app.state, detector)
        before = paused(now)
        if before is not None:
            _set(app, detector, None if detector.enabled else _ON, by, reason, at)
    return _followed(app, detector, before, at, warn)


def _set(
    app: App, detector: Detector, value: str | None, by: str, reason: str, at: datetime
) -> None:
    at = Overrides(app.state).next_time(detector.name, KEY, at)
    change(app, detector, KEY, value, author=by, reason=reason, at=at)


def _followed(
    app: App, detector: Detector, before: Paused | None, at: datetime, warn: Warn
) -> Switched:
    sync_settings(app, now=at, warn=warn)
    now = in_force(app.state, detector)
    tell_settings(app, detector.name, now)
    held_back, after = 0, paused(now)
    if after is None and before is not None and before.since is not None:
        held_back = suppressed_since(app.state.database, detector.name, before.since)
    return Switched(
        paused=after,
        before=before,
        rule_follows=_rule_follows(app, detector, at, warn),
        held_back=held_back,
    )


def _rule_follows(app: App, detector: Detector, at: datetime, warn: Warn) -> bool:
    """Bring the SIEM's rules up to date, even those of a version whose model is damaged."""
    champion = Versions(app.state).champion(detector.name)
    if champion is None:
        return True
    said: list[str] = []
    try:
        with app.state.lock(detector.name, CONTROL, wait=PATIENCE):
            settle(app, rule_of(app, detector, champion), at=at, warn=said.append)
            for rule in rules_beside(app, detector, champion):  # a pause stops these alerts too
                settle(app, rule, at=at, warn=said.append)
    except ScorebackError as error:
        said.append(f"the rule in the SIEM did not follow: {error.message}")
    for text in said:
        warn(text)
    return not said
