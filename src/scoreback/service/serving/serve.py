"""Runs detectors on their schedule until it is asked to end.

Everything that has to survive is in the workspace: ending, even by a kill, loses and repeats
nothing, whatever was going on.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scoreback.errors import ConfigError, NotThere, ScorebackError, StateError
from scoreback.models.detector.spec import Detector
from scoreback.service.connections import connection_of
from scoreback.service.in_force.detector import in_force
from scoreback.service.serving.detector_watch import DetectorWatch, Served
from scoreback.service.serving.jobs import Jobs
from scoreback.service.serving.kinds import KINDS
from scoreback.service.serving.kinds.kind import Kind
from scoreback.service.serving.schedule import Schedule, Trigger, trigger_of
from scoreback.service.settings import Settings
from scoreback.service.state.locks import hold_lock
from scoreback.service.state.runs import last_counted, runs, stop_run
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop

LOOK_AGAIN = timedelta(seconds=30)  # how soon a changed detector file takes effect
GRACE = timedelta(seconds=8)  # what systemd and containers give before they kill is 10 s or more

_RUNS = 20  # more than are cut off in a row
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

_log = logging.getLogger(__name__)


def serve(
    settings: Settings,
    paths: Iterable[Path],
    *,
    clock: Callable[[], datetime],
    wait: Callable[[float], bool],
    abandon: Callable[[], None],
    look_again: timedelta = LOOK_AGAIN,
    trigger: Callable[[Detector, Kind], Trigger] = trigger_of,
) -> None:
    """Run the detectors of *paths* until *wait* says that it is time to end.

    Args:
        settings: settings of the workspace.
        paths: detector files, and folders where more may turn up.
        clock: returns the current time.
        wait: waits some seconds; returns True when it is time to end.
        abandon: ends the process at once; called if a job does not reach a step in time.
        look_again: how often files are read again.
        trigger: returns when a job is due.

    Raises:
        ConfigError: no detector can be run, or the connection is misconfigured.
        StateError: the workspace is served already, or its state cannot be used.
    """
    connection = connection_of(settings)
    with (
        State.open(settings.state) as state,
        hold_lock(state.folder / "locks", "serve.workspace", what=f"workspace {settings.home}"),
    ):
        watch, stop = DetectorWatch(paths), Stop()
        jobs = Jobs(settings, state, stop, clock)
        schedule = Schedule(
            jobs.run, at_once=settings.jobs, siem=connection.connector, trigger=trigger
        )
        jobs.apart = schedule.soon
        served = watch.look()
        if not served:
            raise _nothing(watch)
        _log.info(
            "serving on connection %s (%s): %s",
            connection.name, connection.connector, ", ".join(served),
        )  # fmt: skip
        known: dict[str, Detector] = {}
        schedule.start()
        try:
            while True:
                jobs.serve(served)
                _follow(schedule, served, known, state, clock())
                if wait(look_again.total_seconds()):
                    break
                served = watch.look()
        finally:
            stop.ask()
            schedule.stop()
        _log.info("stopping: no more jobs are started")
        left = jobs.wait(GRACE.total_seconds())
        for kind, name in left:
            about = {"detector": name, "job": kind}
            _log.warning("stopped before its end; it starts again with the service", extra=about)
            lock = KINDS[kind].lock  # the name that its runs are listed under
            if lock is not None and lock in KINDS:
                stop_run(state, name, lock, clock())
        if left:
            abandon()
        _log.info("ended")


def _follow(
    schedule: Schedule,
    served: Mapping[str, Served],
    known: dict[str, Detector],
    state: State,
    now: datetime,
) -> None:
    """Schedule jobs for what is *served*, and run some soon for what differs from *known*."""
    try:
        detectors = {name: in_force(state, one.detector).detector for name, one in served.items()}
        schedule.follow(detectors.values(), lambda name, kind: last_run(state, name, kind), now)
    except ScorebackError as error:  # say, the state is busy: the next look does it
        _log.error("%s. Try: %s", error, error.hint)
        return
    for name, detector in detectors.items():
        if known.get(name) != detector:
            for kind in KINDS.values():
                if kind.when_changed:
                    schedule.soon(kind.name, name)
    known.clear()
    known.update(detectors)


def last_run(state: State, detector: str, kind: Kind) -> datetime | None:
    """When a job of *detector* last began; long ago if that run was stopped or killed half-way.

    A job that was killed twice in a row waits for its next time: see `last_counted`.
    """
    found = runs(state, detector, _RUNS, kind=kind.name)
    if not found:
        return None
    alone = found[0].status == "running" and _alone(state, detector, kind)
    return found[0].started_at if last_counted(found, alone=alone) is found[0] else _LONG_AGO


def _alone(state: State, detector: str, kind: Kind) -> bool:
    """Whether nobody runs that job of *detector*."""
    try:
        with state.lock(detector, kind.name):
            return True
    except StateError:
        return False


def _nothing(watch: DetectorWatch) -> ConfigError:
    troubles = watch.troubles
    if not troubles:
        return ConfigError(
            "there are no detector files", hint="name detector files, or folders that contain some"
        )
    kind = NotThere if all(isinstance(one, NotThere) for one in troubles) else ConfigError
    return kind(
        "\n".join(trouble.message for trouble in troubles),
        hint="\n".join(trouble.hint for trouble in troubles),
    )
