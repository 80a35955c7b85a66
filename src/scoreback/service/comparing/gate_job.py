"""Runs a detector's gate: compares its shadows, records the verdicts and acts on them."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from scoreback.errors import ScorebackError
from scoreback.models.detector.spec import Detector
from scoreback.records import ModelVersion
from scoreback.service.app import App
from scoreback.service.comparing.gate import judge
from scoreback.service.deploying.promotion import promote
from scoreback.service.in_force.detector import in_force
from scoreback.service.state.gate_verdicts import GateVerdict, last_verdict, note_verdict
from scoreback.service.state.journal import journalled
from scoreback.service.state.versions import SERVICE, Beside, Versions

JOB = "gate"
_AGAIN = timedelta(hours=20)  # a day, about: each comparison may find a difference by chance


def run_gate(
    app: App,
    detector: Detector,
    *,
    now: datetime,
    act: bool = True,
    progress: Callable[[int], None] | None = None,
) -> list[GateVerdict]:
    """Judge the shadows of *detector*, oldest first.

    Args:
        app: the open workspace.
        detector: the detector as in its file.
        now: the current time.
        act: promote and retire as the verdicts say, and compare at most once a day; otherwise only
            return the verdicts and change nothing.
        progress: called with the number of events read.

    Returns:
        The verdict on each shadow; with *act*, only on those that were compared now.

    Raises:
        SiemUnavailable: the SIEM did not answer.
        StateError: another process compares the same shadows.
    """
    due = Versions(app.state).due(detector.name)
    detector = in_force(app.state, detector).detector
    if len(due) < 2 or not detector.gate.shadow:
        return []
    champion, *shadows = due
    with app.state.lock(detector.name, JOB):
        return _judged(app, detector, champion, shadows, now, act, progress)


def _judged(
    app: App,
    detector: Detector,
    champion: ModelVersion,
    shadows: Sequence[ModelVersion],
    now: datetime,
    act: bool,
    progress: Callable[[int], None] | None,
) -> list[GateVerdict]:
    found = []
    for shadow in shadows:
        before = last_verdict(app.state, detector.name, shadow.version)
        same = before is not None and before.against == champion.version
        if act and same and before is not None and now - before.at < _AGAIN:
            continue
        verdict = judge(app, detector, champion, shadow, now=now, progress=progress)
        found.append(verdict)
        if not act or verdict.outcome == "waiting":
            continue
        with journalled(app.state, detector.name, JOB, now):
            if _acted(app, detector, verdict, now):
                return found  # the champion is new: later runs compare the other shadows with it
    return found


def _acted(app: App, detector: Detector, verdict: GateVerdict, now: datetime) -> bool:
    """Record *verdict* and act on it, both or neither; return whether the champion changed."""
    versions, name = Versions(app.state), detector.name
    written = partial(note_verdict, verdict=verdict, by=SERVICE)
    if verdict.outcome == "no_better":
        why = verdict.why
        versions.retire(name, verdict.version, by=SERVICE, at=now, reason=why, beside=written)
        return False
    if verdict.outcome == "better" and detector.gate.approval == "automatic":
        seen = versions.get(name, verdict.against)
        try:
            promote(
                app, detector, verdict.version, by=SERVICE, at=now, instead_of=seen, beside=written
            )
        except ScorebackError:
            _write_alone(app, name, verdict, written)
            raise
        return True
    with app.state.database.writes() as connection:
        written(connection)
    return False


def _write_alone(app: App, name: str, verdict: GateVerdict, written: Beside) -> None:
    """Record *verdict* where acting on it failed, unless it was recorded before the failure.

    So the shadow is compared again a day later, and not every hour.
    """
    last = last_verdict(app.state, name, verdict.version)
    if last is None or last.at != verdict.at:
        with app.state.database.writes() as connection:
            written(connection)
