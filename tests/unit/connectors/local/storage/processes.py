"""What the tests have processes of their own do: python processes.py TASK PICKLED-ARGUMENTS."""

import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from filelock import FileLock

from scoreback.connectors.doors import LoadMapping
from scoreback.connectors.doors.rules import LOOK_BACK
from scoreback.connectors.local import LocalConnector, scores
from scoreback.connectors.local.loading import intake
from scoreback.connectors.local.loading.load import load_file
from scoreback.connectors.local.rule_engine import alerting
from scoreback.connectors.local.storage import segments
from scoreback.errors import SiemUnavailable
from scoreback.records import EventBatch, ScoreBatch

NOW = datetime(2024, 3, 9, tzinfo=UTC)


def fill_the_disk(folder: Path, export: Path) -> None:
    """Load under a limit on the size of files, as a full disk gives; then without one."""
    siem = LocalConnector.open("t", {"path": folder})
    mapping = LoadMapping(time="time")
    for limit in (1_000, 40_000, 200_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            load_file(siem.store, export, "s", mapping)
        except SiemUnavailable as error:
            if not error.hint:
                raise
        else:
            raise AssertionError(f"nothing happened at {limit} bytes")
        left = [p for p in folder.rglob("*") if p.suffix in (".parquet", ".tmp")]
        assert not left, left
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert siem.store.streams() == []
    assert load_file(siem.store, export, "s", mapping).loaded == 20_000


def die(*_args: object, **_options: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def replace(module: ModuleType, name: str) -> None:
    """Die where the module would call what it knows as *name*."""
    vars(module)[name] = die


def score(siem: LocalConnector, batch: ScoreBatch) -> None:
    siem.scores.write(batch, at=NOW)
    siem.rule_engine.evaluate(since=NOW - LOOK_BACK, at=NOW)


STEPS = {
    "renaming": (segments, "sync_folder"),
    "listing": (scores, "list_segment"),
    "evaluating": (alerting, "evaluate"),
    "raising": (alerting, "_alert"),
}


def killed_while_adding(folder: Path, events: EventBatch) -> None:
    replace(intake, "list_segment")  # after the file is renamed
    LocalConnector.open("t", {"path": folder}).intake.add_events("s", events)


def killed_while_writing(folder: Path, batch: ScoreBatch, step: str) -> None:
    siem = LocalConnector.open("t", {"path": folder})
    replace(*STEPS[step])
    score(siem, batch)


def frozen_while_writing(folder: Path) -> None:
    """Hold the only lock for writing, say so, and stand still."""
    siem = LocalConnector.open("t", {"path": folder})
    with siem.store.ledger.writing() as connection:
        connection.exec_driver_sql("DELETE FROM segments")
        (folder / "frozen").touch()
        os.kill(os.getpid(), signal.SIGSTOP)


def frozen_while_opening(folder: Path) -> None:
    """Hold the lock for making the ledger, say so, and stand still."""
    with FileLock(folder / "siem.sqlite.lock"):
        (folder / "frozen").touch()
        os.kill(os.getpid(), signal.SIGSTOP)


def add_and_score(
    folder: Path, number: int, events: list[EventBatch], batches: list[ScoreBatch]
) -> None:
    siem = LocalConnector.open(f"writer-{number}", {"path": folder})
    for some, batch in zip(events, batches, strict=True):
        siem.intake.add_events("s", some)
        score(siem, batch)


TASKS: dict[str, Callable[..., None]] = {
    task.__name__: task
    for task in (
        fill_the_disk,
        killed_while_adding,
        killed_while_writing,
        frozen_while_writing,
        frozen_while_opening,
        add_and_score,
    )
}

if __name__ == "__main__":
    TASKS[sys.argv[1]](*pickle.loads(Path(sys.argv[2]).read_bytes()))  # noqa: S301
