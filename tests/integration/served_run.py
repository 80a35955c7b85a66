"""Serves a workspace for a test: jobs every instant, a fixed clock, and an end at a named point.

Run as a program: ``served_run.py HOME PATH NOW SIGNAL CALL [POINT]``: after the CALL-th call of
POINT (else of what finishes a batch of scores), the process gets SIGNAL (TERM or KILL; "-" for
none) and the job waits until it is asked to end.
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
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stop, signals
from scoreback.service.training import train_job

POINTS: dict[str, tuple[Any, str]] = {  # whose, and what it is called there
    "sent": (State, "mark_sent"),
    "learnt": (train_job, "refuse_blind"),
    "registered": (Versions, "register"),
    "shadow": (Versions, "shadow"),
}
DAILY = "TRAINED_DAILY"  # in the environment
DAY = timedelta(days=1)
OFTEN = timedelta(milliseconds=50)
SELDOM = timedelta(seconds=5)  # where what is waited for is a training, which needs the cores
STEP_ROWS = 1500  # several steps, so that there is a middle


class Often(BaseTrigger):  # type: ignore[misc]  # untyped in APScheduler
    """Scoring is due all the time, training never; or daily where `DAILY` is set."""

    every = OFTEN

    def __init__(self, _detector: Detector, kind: Kind) -> None:
        self._kind = kind

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if self._kind.name == "train":
            daily = DAILY in os.environ
            return (previous or now) + DAY if daily else datetime(2100, 1, 1, tzinfo=UTC)
        return now if previous is None else max(previous, now) + self.every


def main(home: Path, path: Path, now: datetime, name: str, call: int, point: str) -> None:
    """Serve *path* on *home* until a signal comes."""
    cutter.STEP_ROWS = STEP_ROWS
    setattr(reading, "BATCH_ROWS", STEP_ROWS)  # noqa: B010 - which it took from the doors
    schedule.SPREAD = timedelta(0)
    Often.every = OFTEN if point == "sent" else SELDOM
    if name != "-":
        _signal_at(getattr(signal, f"SIG{name}"), call, *POINTS[point])
    with signals() as wait:
        logs.start_logging(logs.LogFormat.TEXT)
        logging.getLogger("scoreback").setLevel(logging.DEBUG)
        serve(
            Settings(home=home),
            [path],
            clock=lambda: now,
            wait=wait,
            abandon=serving._abandon,
            look_again=Often.every,
            trigger=Often,
        )


def _signal_at(number: int, call: int, owner: Any, name: str) -> None:  # noqa: ANN401 - whosever
    asked, real, calls = threading.Event(), getattr(owner, name), 0
    ask = Stop.ask

    def and_signal(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it stands for
        nonlocal calls
        result = real(*args, **kwargs)
        calls += 1
        if calls == call:
            os.kill(os.getpid(), number)
            asked.wait(30)
        return result

    def and_tell(stop: Stop) -> None:
        ask(stop)
        asked.set()

    setattr(owner, name, and_signal)
    setattr(Stop, "ask", and_tell)  # noqa: B010


if __name__ == "__main__":
    folder, files, moment, which, number, *where = sys.argv[1:]
    at = where[0] if where else "sent"
    main(Path(folder), Path(files), datetime.fromisoformat(moment), which, int(number), at)
