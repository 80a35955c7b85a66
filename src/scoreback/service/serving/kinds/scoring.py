"""The job that scores what arrived: one read for all detectors that select the same events."""

import logging
from collections.abc import Sequence

from scoreback.models.detector.spec import Detector
from scoreback.service.app import App
from scoreback.service.in_force.detector import in_force
from scoreback.service.scoring.champions import LiveRun, behind, score_live_together
from scoreback.service.scoring.outcome import ScoreOutcome
from scoreback.service.scoring.plan import selected
from scoreback.service.serving.detector_watch import Served
from scoreback.service.serving.kinds.kind import Ended, Kind, NotYet, Work

LITTLE_PATIENCE = 5.0  # seconds that scoring waits for another run on the same detector

_SHADOW = "shadow"  # the subject of warnings about a shadow that cannot score
_HOME = "home"  # the subject of warnings about events unlike those learnt from
_TRY = "Try: see docs/runbook/drifting.md; train on events of this network"

_log = logging.getLogger(__name__)


def _score(work: Work, served: Sequence[Served]) -> Ended:
    ended: dict[str, Exception | None] = {}
    served = _switched_on(work, served, ended)
    if not served:
        return ended
    served = _in_step(work, served)
    runs = score_live_together(
        work.app,
        [one.detector for one in served],
        now=work.now,
        progress=work.pause,
        wait=LITTLE_PATIENCE,
    )
    for one, run in zip(served, runs, strict=True):
        name = one.detector.name
        ended[name] = run.outcome.error
        if run.outcome.error is not None:
            continue
        if run.champion is None:
            hint = f"scoreback train {one.path}, then scoreback promote"
            ended[name] = NotYet("no version scores yet", hint=hint)
            continue
        _log_run(work.app, run)
        _warn_of_another_home(work, run)
        _warn_of_shadows(work, run)
    return ended


def _switched_on(
    work: Work, served: Sequence[Served], ended: dict[str, Exception | None]
) -> Sequence[Served]:
    """The detectors to score at all; what arrives for the others waits.

    A detector paused by a setting is scored: so what arrives meanwhile raises nothing later.
    """
    on = []
    for one in served:
        if one.detector.enabled or in_force(work.app.state, one.detector).detector.enabled:
            on.append(one)
        else:
            hint = "its file says `enabled: false`"
            ended[one.detector.name] = NotYet("it is switched off", hint=hint)
    return on


def _in_step(work: Work, served: Sequence[Served]) -> Sequence[Served]:
    """The detectors to score here; one that is far behind catches up in a job of its own.

    So a detector with much to read does not keep the others from being scored.
    """
    if work.apart is None or len(served) == 1:
        return served
    late = behind(work.app, [one.detector for one in served], work.now)
    left = [one for one in served if one.detector.name not in late]
    work.left([one.detector.name for one in left])
    for name in sorted(late):
        work.apart(name)
    return left


def _log_run(app: App, run: LiveRun) -> None:
    done = run.outcome
    refused = sum(published.refused for published in done.published)
    over = done.alerts + done.suppressed
    _log.log(
        logging.INFO if done.read or done.resolved else logging.DEBUG,
        "%s read %d events and scored %d, %d above the threshold%s%s",
        "-" if run.champion is None else run.champion.version, done.read, done.scored, over,
        _fate(done) if over or done.over_budget else "",
        f"; the SIEM refused {refused} scores, kept in {app.state.refused}" if refused else "",
        extra={"detector": run.detector.name, "job": SCORE.name},
    )  # fmt: skip


def _fate(done: ScoreOutcome) -> str:
    """What became of the hits."""
    budget = f"; {done.over_budget} more held back by the budget" if done.over_budget else ""
    return f": {done.opened} alerts raised, {done.joined} held back by cap or throttle{budget}"


def _warn_of_another_home(work: Work, run: LiveRun) -> None:
    """Warn once that a version is not at home, and log once that this is over."""
    name = run.detector.name
    for version, reasons in run.outcome.not_at_home.items():
        work.warn(_HOME, [name], f"{version} is not at home: {'; '.join(reasons)}. {_TRY}")
    if run.outcome.homes and not run.outcome.not_at_home:
        work.clear(_HOME, name)


def _warn_of_shadows(work: Work, run: LiveRun) -> None:
    """Warn once of shadows that cannot score, and log once that this is over."""
    name = run.detector.name
    for version, why in run.unusable.items():
        work.warn(
            _SHADOW, [name], f"shadow {version} does not score: {why}. The champion still does"
        )
    if not run.unusable:
        work.clear(_SHADOW, name)


def _same_events(detector: Detector, connector: str) -> str:
    """Names the events that *detector* reads; without a selection, the detector is alone."""
    selection = detector.events.get(connector)
    return detector.name if selection is None else selected(selection)


SCORE = Kind(
    name="score",
    lock="score",
    line=lambda detector: str(detector.schedule.score),
    at_first=True,  # it costs little, and there may be much to score
    shared_by=_same_events,
    run=_score,
)
