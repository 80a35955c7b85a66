"""Writes down each run of a job: that it began, and how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from scoreback.errors import ScorebackError
from scoreback.service.runs import RunKind, end_run, start_run
from scoreback.service.state import State


@contextmanager
def journalled(
    state: State, detector: str, kind: RunKind, at: datetime
) -> Iterator[dict[str, float]]:
    """Hold *detector* for a run of *kind*; what the caller puts into the mapping is kept with it.

    Raises:
        StateError: another process works on this detector.
    """
    counts: dict[str, float] = {}
    with state.lock(detector):
        run = start_run(state, detector, kind, at)
        try:
            yield counts
        except ScorebackError as error:
            end_run(state, run, "failed", at, counts=counts, error=error.message)
            raise
        end_run(state, run, "done", at, counts=counts)
