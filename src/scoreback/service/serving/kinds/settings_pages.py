"""The job that takes over what admins change on the SIEM's own settings pages, every minute.

A scoring run reads the state at each step, so that a change is in force within a minute even while
a catch-up of hours goes on; the alert rule follows here.
"""

from collections.abc import Sequence

from scoreback.service.in_force.detector import in_force
from scoreback.service.in_force.settings_sync import sync_settings
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, Work
from scoreback.service.serving.kinds.reconciling import follow_file

_ABOUT = "settings"


def _sync(work: Work, served: Sequence[Served]) -> Ended:
    if sync_settings(work.app):
        for one in served:
            name = one.detector.name
            refused = in_force(work.app.state, one.detector).refused
            for each in refused:
                told = f"a setting by {each.override.author} does not count: {each.reason}"
                work.warn(_ABOUT, [name], told)
            if not refused:
                work.clear(_ABOUT, name)
            follow_file(work, one)
    return dict.fromkeys(one.detector.name for one in served)


SETTINGS = Kind(
    name="settings",
    line=lambda _detector: "* * * * *",
    shared_by=lambda _detector, _connector: "the whole SIEM",
    run=_sync,
)
