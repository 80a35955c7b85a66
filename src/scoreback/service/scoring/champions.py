"""Runs scoring for the current champions, and for the shadows that score beside them."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scoreback.errors import ArtifactError, ConfigError, SiemUnavailable
from scoreback.models.artifact.folder import Artifact
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion, Stage
from scoreback.service.app import App
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.in_force.settings_sync import sync_settings
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.scoring.plan import Model, Models, ScoreJob, starting_point
from scoreback.service.scoring.shared_read import score_together
from scoreback.service.scoring.waiting import Waiting
from scoreback.service.state.versions import Versions

FAR_BEHIND = timedelta(hours=1)  # of arrivals; others must not wait for this much


@dataclass(slots=True)
class LiveRun:
    """The result of one detector's run."""

    detector: Detector
    champion: ModelVersion | None = None  # the version that scored; None while there is none
    outcome: ScoreOutcome = field(default_factory=ScoreOutcome)
    never_scored: int = 0  # events that came in behind the watermark, if somebody counted
    # Shadows that could not score, and why; the champion went on without them.
    unusable: dict[str, str] = field(default_factory=dict)
    paused: bool = False  # it raises no alert: `enabled` is off in the file or by a setting
    waiting: Waiting | None = None  # events whose `lag` has not passed, if somebody looked


def score_live(
    app: App,
    detector: Detector,
    *,
    now: datetime,
    since: datetime | None = None,
    progress: Callable[[int], None] | None = None,
    wait: float = 0,
) -> LiveRun | None:
    """Score what arrived since the last run; None while *detector* has no champion.

    Args:
        app: the open workspace.
        detector: the detector to score.
        now: the current time.
        since: where a first run begins, by arrival time; by default, where training ended.
        progress: called with the number of events read.
        wait: seconds to wait for another process that works on the detector.

    Raises:
        StateError: another process works on this detector, or the clock went backwards.
        SiemUnavailable: nothing is lost; the next run goes on where this one stopped.
    """
    (run,) = score_live_together(
        app, [detector], now=now, since=since, progress=progress, wait=wait
    )
    if run.outcome.error is not None:
        raise run.outcome.error
    return None if run.champion is None else run


def score_live_together(
    app: App,
    detectors: Sequence[Detector],
    *,
    now: datetime,
    since: datetime | None = None,
    progress: Callable[[int], None] | None = None,
    wait: float = 0,
) -> list[LiveRun]:
    """Score what arrived for *detectors* since their last runs, with shared reads where possible.

    A promotion does not wait for the run: it takes effect at the next step. If one detector fails,
    the error is in its outcome.

    Args:
        app: the open workspace.
        detectors: detectors of different names.
        now: the current time.
        since: where a first run begins, by arrival time; by default, where training ended.
        progress: called with the number of events read, and with 0 between two detectors' steps.
        wait: seconds to wait for another process that works on a detector.

    Returns:
        The result for each of *detectors*, in their order.
    """
    sync_settings(app, now=app.now(now))
    runs = [LiveRun(detector) for detector in detectors]
    jobs: list[tuple[LiveRun, ScoreJob]] = []
    with ExitStack() as held:
        for run in runs:
            try:
                with ExitStack() as own:
                    own.enter_context(app.state.lock(run.detector.name, wait=wait))
                    job = _job(app, run, since)
                    if job is not None:
                        jobs.append((run, job))
                        held.push(own.pop_all())
            except SiemUnavailable as error:  # asking again would only mean waiting again
                for each in runs:
                    each.outcome.error = each.outcome.error or error
                return runs
            except Exception as error:  # noqa: BLE001 - the others go on
                run.outcome.error = error
        outcomes = score_together(app, [job for _, job in jobs], now=now, progress=progress)
        for (run, job), outcome in zip(jobs, outcomes, strict=True):
            run.outcome, run.unusable = outcome, job.unusable
            run.champion = Versions(app.state).champion(run.detector.name)
    return runs


def behind(app: App, detectors: Sequence[Detector], now: datetime) -> set[str]:
    """Names of those *detectors* that are `FAR_BEHIND` the one that has read furthest.

    Detectors that are only a little behind are better read for at the same time: they end where the
    others do, and share the next read. The answer may be a moment old: nothing is locked, and
    batches in doubt are not resolved.
    """
    read: dict[str, datetime] = {}
    for detector in detectors:
        champion = Versions(app.state).champion(detector.name)
        if champion is not None:
            try:
                at = starting_point(app, detector, champion, until=now - app.settle)
            except ConfigError:
                continue  # its own run says so
            read[detector.name] = at.watermark
    furthest = max(read.values(), default=now)
    return {name for name, watermark in read.items() if furthest - watermark > FAR_BEHIND}


def _job(app: App, run: LiveRun, since: datetime | None) -> ScoreJob | None:
    due = Versions(app.state).due(run.detector.name)
    run.champion = due[0] if due else None
    if not due:
        return None
    following = _Following(app, run.detector, due)
    return ScoreJob(
        detector=run.detector,
        models=following.models(),
        since=since,
        changed=following.changed,
        unusable=following.unusable,
    )


class _Following:
    """Follows which versions of a detector score, from step to step."""

    def __init__(self, app: App, detector: Detector, due: Sequence[ModelVersion]) -> None:
        """Begin with the versions that are *due*, the champion first."""
        self._app, self._detector, self._due = app, detector, due
        self._loaded: dict[str, Artifact] = {}
        self.unusable: dict[str, str] = {}

    def models(self) -> Models:
        """The models that score now: the champion, and those shadows that are sound.

        Raises:
            ArtifactError: the champion is damaged, or was trained for other features.
        """
        champion, *shadows = self._due
        found = [Model(version=champion, artifact=self._artifact(champion))]
        for shadow in shadows:
            try:
                artifact = self._artifact(shadow)
            except ArtifactError as error:
                self.unusable[shadow.version] = error.message
            else:
                found.append(Model(version=shadow, artifact=artifact, stage=Stage.SHADOW))
        return tuple(found)

    def changed(self) -> Models | None:
        """The models that score from now on; None while they stay the same.

        Raises:
            ArtifactError: the new champion is damaged, or was trained for other features.
        """
        due = Versions(self._app.state).due(self._detector.name)
        if not due or _names(due) == _names(self._due):
            return None
        self._due = due
        return self.models()

    def _artifact(self, version: ModelVersion) -> Artifact:
        if version.version not in self._loaded:
            found = load_artifact(self._app, self._detector, version)
            self._loaded[version.version] = found
        return self._loaded[version.version]


def _names(due: Sequence[ModelVersion]) -> list[tuple[str, str]]:
    return [(one.version, one.status) for one in due]
