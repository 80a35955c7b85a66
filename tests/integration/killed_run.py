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

from scoreback.connectors.elastic.reading import events as reading
from scoreback.connectors.elastic.rule_engine.alerting import RuleEngine as ElasticEngine
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.writing.enrich import Enrichments
from scoreback.connectors.elastic.writing.scores import Scores as ElasticScores
from scoreback.connectors.local import events as local_events
from scoreback.connectors.local import scores
from scoreback.connectors.local.rule_engine import alerting
from scoreback.connectors.splunk.reading import pieces
from scoreback.connectors.splunk.wire import hec
from scoreback.connectors.splunk.wire.hec import Hec
from scoreback.connectors.splunk.wire.kvstore import KvStore
from scoreback.connectors.splunk.writing.enrichment import Enrichments as SplunkEnrichments
from scoreback.connectors.splunk.writing.scores import Scores as SplunkScores
from scoreback.models.detector.file import load_detector
from scoreback.models.features import online, online_units
from scoreback.service.app import opened
from scoreback.service.connections import connection_of
from scoreback.service.deploying.artifacts import load_artifact
from scoreback.service.scoring import cutter, publish, shared_read
from scoreback.service.scoring.plan import Model
from scoreback.service.settings import Settings
from scoreback.service.state.versions import Versions
from scoreback.service.state.workspace_state import State

Point = tuple[Any, str]  # whose, and what it is called there
POINTS: dict[str, Point] = {
    "window state": (online.OnlineFeatures, "_remember"),
    "open units": (online_units.OnlineUnits, "_keep"),
    "outbox": (publish, "store"),
    "begin": (State, "begin_batch"),
    "sent": (State, "mark_sent"),  # after it the outbox file goes, then rules look
    "tidy": (online.OnlineFeatures, "forget_others"),
}
POINTS_OF: dict[str, dict[str, Point]] = {  # by connector
    "local": {
        "write": (scores.Scores, "write"),
        "score segment": (scores, "_store_new"),
        "histogram": (scores.Scores, "write_histograms"),
        "alerts": (alerting.RuleEngine, "evaluate"),
        "new alerts": (alerting, "_raise_alerts"),
    },
    "splunk": {
        "write": (SplunkScores, "write"),
        "request": (Hec, "_exchange"),
        "enrich": (SplunkEnrichments, "enrich"),
        "rows": (KvStore, "_save"),
        "histogram": (SplunkScores, "write_histograms"),
    },
    "elastic": {
        "write": (ElasticScores, "write"),
        "bulk request": (bulk, "_send"),
        "enrich": (Enrichments, "enrich"),
        "histogram": (ElasticScores, "write_histograms"),
        "alerts": (ElasticEngine, "evaluate"),
        "new alerts": (ElasticEngine, "_store"),
        "marks": (ElasticEngine, "_mark"),
    },
}
STEP_ROWS = 1500  # several steps, so that there is a middle
CLUSTER_STEP_ROWS = 500  # of a cluster, which is given fewer events
BULK_ITEMS = 10  # and several requests of each step


def settings_of(home: Path, connection: str = "") -> Settings:
    """The workspace in *home*, with one of its connections."""
    return Settings(home=home, connection=connection) if connection else Settings(home=home)


def score_all(settings: Settings, file: Path, now: datetime) -> None:
    """Score up to *now*, in several steps."""
    detector = load_detector(file)
    with opened(settings) as app:
        champion = Versions(app.state).champion(detector.name)
        assert champion is not None
        model = Model(version=champion, artifact=load_artifact(app, detector, champion))
        shared_read.score(app, detector, model, now=now)


def main(settings: Settings, file: Path, now: datetime, point: str, when: str, call: int) -> None:
    """Score up to *now*, and die on the way unless *point* is empty."""
    connector = connection_of(settings).connector
    cutter.STEP_ROWS = STEP_ROWS if connector == "local" else CLUSTER_STEP_ROWS
    setattr(local_events, "BATCH_ROWS", STEP_ROWS)  # noqa: B010 - which it took from the doors
    reading.CHUNK_ROWS = CLUSTER_STEP_ROWS
    bulk.MAX_ITEMS = hec.MAX_EVENTS = BULK_ITEMS
    pieces.CHUNK_ROWS = CLUSTER_STEP_ROWS
    if point:
        owner, name = (POINTS | POINTS_OF[connector])[point]
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
