"""The job that takes over, every minute, what admins change on the SIEM's own settings pages.

A scoring run reads the state at each step, so a change is in force within a minute even during a
catch-up of hours; this job brings the alert rule up to date. A scoring run may have read the change
first, and a SIEM may fail while its rule is written: so the question is not whether a change is new
to the state, but whether the rule has followed it.
"""

from collections.abc import Sequence
from pathlib import Path

from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.overrides import Overrides
from scoreback.service.in_force.settings_sync import sync_settings, tell_settings
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.serving.kinds.reconciling import follow_file
from scoreback.service.state.versions import Versions

_ABOUT, _READING = "settings", "reading settings"
_UNCHANGED: tuple[object, object] = ((), ())


class _Following:
    """Which settings the alert rules followed since the start, when all rules are reconciled."""

    def __init__(self) -> None:
        self._followed: dict[tuple[Path, str], tuple[object, object]] = {}

    def run(self, work: Work, served: Sequence[Served]) -> Ended:
        """Read the pages, and have the rules of changed detectors follow."""
        _read(work, served)
        for one in served:
            self._follow(work, one)
        return dict.fromkeys(one.detector.name for one in served)

    def _follow(self, work: Work, one: Served) -> None:
        name = one.detector.name
        now = in_force(work.app.state, one.detector)
        about, held = (work.app.settings.home, name), (now.overrides, now.refused)
        if self._followed.get(about, _UNCHANGED) == held:
            return
        for each in now.refused:
            told = f"a setting by {each.override.author} is ignored: {each.reason}"
            work.warn(_ABOUT, [name], told)
        if not now.refused:
            work.clear(_ABOUT, name)
        follow_file(work, one)
        tell_settings(work.app, name, now)
        self._followed[about] = held  # not if the SIEM failed: then it tries again


def _read(work: Work, served: Sequence[Served]) -> None:
    """Take over what is new; warn of what cannot count, and of what is for no detector here."""
    names = [one.detector.name for one in served]
    warnings = list[str]()
    sync_settings(work.app, now=work.now, warn=warnings.append)
    for warning in warnings:
        work.warn(_READING, names, warning)
    if not warnings:
        for name in names:
            work.clear(_READING, name)
    of_nobody = {*Overrides(work.app.state).detectors()} - {
        *names, *Versions(work.app.state).detectors()
    }  # fmt: skip
    for name in sorted(of_nobody):
        if Overrides(work.app.state).current(name):
            work.warn(
                _ABOUT,
                [name],
                "settings name this detector, but no detector of that name is running",
            )


SETTINGS = Kind(
    name="settings",
    line=lambda _detector: "* * * * *",
    shared_by=lambda _detector, _connector: "the whole SIEM",
    run=_Following().run,
)
