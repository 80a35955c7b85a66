"""Serves a workspace for a test: jobs every instant, a fixed clock, and an end at a named point.

Run as a program: ``served_run.py HOME PATH NOW SIGNAL CALL``: at the CALL-th batch of scores that
is finished, the process gets SIGNAL (TERM or KILL; "-" for none) and the job waits until it is
asked to end.
"""

import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from scoreback.connectors.local import events as reading
from scoreback.models.detector.spec import Detector
from scoreback.service.cli import logs, serving
from scoreback.service.scoring import cutter
from scoreback.service.serving import schedule
from scoreback.service.serving.kinds.kind import Kind
from scoreback.service.serving.serve import serve
from scoreback.service.settings import Settings
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop, signals

STEP_ROWS = 1500  # several steps, so that there is a middle


class Often(BaseTrigger):  # type: ignore[misc]  # untyped in APScheduler
    """Scoring is due all the time, training never."""

    def __init__(self, _detector: Detector, kind: Kind) -> None:
        self._kind = kind

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if self._kind.name == "train":
            return datetime(2100, 1, 1, tzinfo=UTC)
        return now if previous is None else max(previous, now) + timedelta(milliseconds=50)


def main(home: Path, path: Path, now: datetime, name: str, call: int) -> None:
    """Serve *path* on *home* until a signal comes."""
    cutter.STEP_ROWS = STEP_ROWS
    setattr(reading, "BATCH_ROWS", STEP_ROWS)  # noqa: B010 - which it took from the doors
    schedule.SPREAD = timedelta(0)
    if name != "-":
        _signal_at(getattr(signal, f"SIG{name}"), call)
    with signals() as wait:
        logs.start_logging(logs.LogFormat.TEXT)
        logging.getLogger("scoreback").setLevel(logging.DEBUG)
        serve(
            Settings(home=home),
            [path],
            clock=lambda: now,
            wait=wait,
            abandon=serving._abandon,
            look_again=timedelta(milliseconds=50),
            trigger=Often,
        )


def _signal_at(number: int, call: int) -> None:
    asked, finish, calls = threading.Event(), State.mark_sent, 0
    ask = Stop.ask

    def mark_sent(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever it stands for
        nonlocal calls
        finish(*args, **kwargs)
        calls += 1
        if calls == call:
            os.kill(os.getpid(), number)
            asked.wait(30)

    def and_tell(stop: Stop) -> None:
        ask(stop)
        asked.set()

    setattr(State, "mark_sent", mark_sent)  # noqa: B010 - methods are no variables
    setattr(Stop, "ask", and_tell)  # noqa: B010


if __name__ == "__main__":
    folder, files, moment, which, number = sys.argv[1:]
    main(Path(folder), Path(files), datetime.fromisoformat(moment), which, int(number))
