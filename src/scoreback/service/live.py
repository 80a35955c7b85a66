"""One scoring run as it is due: by the version that is champion now, under its alert rule."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from scoreback.models.detector import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.rules import deploy
from scoreback.service.score_job import score
from scoreback.service.score_run import ScoreOutcome
from scoreback.service.versions import Versions


@dataclass(frozen=True, slots=True)
class LiveRun:
    """What one run did, and whose model scored."""

    champion: ModelVersion
    outcome: ScoreOutcome


def score_live(
    app: App,
    detector: Detector,
    *,
    now: datetime,
    since: datetime | None = None,
    warn: Callable[[str], None],
    progress: Callable[[int], None] | None = None,
    wait: float = 0,
) -> LiveRun | None:
    """Score what arrived since the last run; None while no version of *detector* is champion.

    The detector is held from looking up its champion to the last score, so that a promotion comes
    before or after the run, never into it.

    Args:
        app: the open workspace.
        detector: whose events.
        now: the clock.
        since: where a first run begins, by arrival time; by default, where training ended.
        warn: told when the rule in the SIEM is not as wanted.
        progress: told the number of events read.
        wait: seconds to wait for whoever works on the detector.

    Raises:
        StateError: another process works on this detector, or the clock went backwards.
        SiemUnavailable: nothing is lost; the next run goes on where this one stopped.
    """
    with app.state.lock(detector.name, wait=wait):
        champion = Versions(app.state).champion(detector.name)
        if champion is None:
            return None
        artifact = deploy(app, detector, champion, warn)
        outcome = score(app, detector, champion, artifact, now=now, since=since, progress=progress)
        return LiveRun(champion, outcome)
