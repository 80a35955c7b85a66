"""Scores a workspace and kills itself, with no chance to tidy up, at a named point.

Run as a program: ``killed_run.py HOME DETECTOR NOW POINT before|after CALL [CONNECTION]``: at the
CALL-th call of POINT, before or after it. The points are the moves of a scoring step, in their
order. CONNECTION is one of the workspace's; without it, its embedded SIEM.
"""

import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

from scoreback.connectors.elastic.reading import reader
from scoreback.connectors.elastic.rule_engine.alerting import Alerting
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.local import scores
from scoreback.connectors.registry import load_connector
from scoreback.models.detector.file import load_detector
from scoreback.models.features import online, online_units
from scoreback.service.app import opened
from scoreback.service.connections import connection_of
from scoreback.service.deploying.promotion import deploy
from scoreback.service.scoring import cutter, publish
from scoreback.service.scoring import shared_read as score_job
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State

THE_CONNECTOR = "the class of the connection's connector"
POINTS: dict[str, tuple[Any, str]] = {
    "window state": (online.OnlineFeatures, "_remember"),
    "open units": (online_units.OnlineUnits, "_keep"),
    "outbox": (publish, "store"),
    "begin": (State, "begin_batch"),
    "write": (THE_CONNECTOR, "write"),
    "score segment": (scores, "_store_new"),
    "alerts": (scores, "evaluate"),
    "alerts of elastic": (Alerting, "raise_alerts"),
    "bulk request": (bulk, "_send"),
    "enrich": (THE_CONNECTOR, "enrich"),
    "histogram": (THE_CONNECTOR, "write_histogram"),
    "finish": (State, "finish_batch"),
    "tidy": (online.OnlineFeatures, "forget_others"),
}
STEP_ROWS = 1500  # several steps, so that there is a middle
CLUSTER_STEP_ROWS = 500  # of a cluster, which is given fewer events
BULK_ITEMS = 10  # and several bulk requests of each step


def settings_of(home: Path, connection: str = "") -> Settings:
    """The workspace in *home*, with one of its connections."""
    return Settings(home=home, connection=connection) if connection else Settings(home=home)


def score_all(settings: Settings, file: Path, now: datetime) -> None:
    """Score up to *now*, in several steps."""
    detector = load_detector(file)
    with opened(settings) as app:
        champion = Versions(app.state).champion(detector.name)
        assert champion is not None
        score_job.score(app, detector, champion, deploy(app, detector, champion), now=now)


def main(settings: Settings, file: Path, now: datetime, point: str, when: str, call: int) -> None:
    """Score up to *now*, and die on the way unless *point* is empty."""
    connector = connection_of(settings).connector
    cutter.STEP_ROWS = STEP_ROWS if connector == "local" else CLUSTER_STEP_ROWS
    reader.CHUNK_ROWS = CLUSTER_STEP_ROWS
    bulk.MAX_ITEMS = BULK_ITEMS
    if point:
        owner, name = POINTS[point]
        if owner is THE_CONNECTOR:
            owner = load_connector(connector)
        setattr(owner, name, _deadly(getattr(owner, name), when, call))
    score_all(settings, file, now)


def _deadly(real: Callable[..., Any], when: str, call: int) -> Callable[..., Any]:
    numbers = count(1)  # of calls, which may come from several threads

    def replacement(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever it stands for
        dies = next(numbers) == call
        if dies and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if dies and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return replacement


if __name__ == "__main__":
    folder, path, moment, where, side, number, *named = sys.argv[1:]
    main(
        settings_of(Path(folder), *named),
        Path(path),
        datetime.fromisoformat(moment),
        where,
        side,
        int(number),
    )
