"""Scores a workspace and kills itself, with no chance to tidy up, at a named point.

Run as a program: ``killed_run.py HOME DETECTOR NOW POINT before|after CALL``: at the CALL-th call
of POINT, before or after it. The points are the moves of a scoring step, in their order.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from scoreback.connectors.local import connector, scores
from scoreback.models import online, online_units
from scoreback.models.detector_file import load_detector
from scoreback.service import cutter, publish, score_job
from scoreback.service.app import opened
from scoreback.service.rules import deploy
from scoreback.service.settings import Settings
from scoreback.service.state import State
from scoreback.service.versions import Versions

POINTS: dict[str, tuple[Any, str]] = {
    "window state": (online, "write_state"),
    "open units": (online_units, "write_state"),
    "outbox": (publish, "_store"),
    "begin": (State, "begin_batch"),
    "write": (connector.LocalConnector, "write"),
    "score segment": (scores, "_store_new"),
    "alerts": (scores, "evaluate"),
    "histogram": (connector.LocalConnector, "write_histogram"),
    "finish": (State, "finish_batch"),
    "tidy": (online.OnlineFeatures, "forget_others"),
}
STEP_ROWS = 1500  # several steps, so that there is a middle


def main(home: Path, file: Path, now: datetime, point: str, when: str, call: int) -> None:
    """Score up to *now*, and die on the way unless *point* is empty."""
    cutter.STEP_ROWS = STEP_ROWS
    if point:
        owner, name = POINTS[point]
        setattr(owner, name, _deadly(getattr(owner, name), when, call))
    detector = load_detector(file)
    with opened(Settings(home=home)) as app:
        champion = Versions(app.state).champion(detector.name)
        assert champion is not None
        score_job.score(app, detector, champion, deploy(app, detector, champion), now=now)


def _deadly(real: Callable[..., Any], when: str, call: int) -> Callable[..., Any]:
    calls = 0

    def replacement(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it stands for
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if calls == call and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return replacement


if __name__ == "__main__":
    folder, path, moment, where, side, number = sys.argv[1:]
    main(Path(folder), Path(path), datetime.fromisoformat(moment), where, side, int(number))
