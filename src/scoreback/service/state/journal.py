"""Records each run of a job: that it began, and how it ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from scoreback.errors import ScorebackError
from scoreback.service.state.runs import end_run, start_run
from scoreback.service.state.workspace_state import State
from scoreback.service.stopping import Stopped


@contextmanager
def journalled(state: State, detector: str, kind: str, at: datetime) -> Iterator[dict[str, float]]:
    """Hold that job of *detector* for a run; what the caller puts into the mapping is stored.

    The ``seconds`` that it took are stored, too.

    Raises:
        StateError: another process runs the same job.
    """
    counts: dict[str, float] = {}
    with state.lock(detector, kind):
        run, began = start_run(state, detector, kind, at), time.monotonic()
        try:
            try:
                yield counts
            finally:
                counts["seconds"] = round(time.monotonic() - began, 3)
        except ScorebackError as error:
            end_run(state, run, "failed", at, counts=counts, error=error.message)
            raise
        except Stopped:
            end_run(state, run, "stopped", at, counts=counts)
            raise
        except Exception as error:  # a bug of ours; its text may hold what nobody should read
            end_run(state, run, "failed", at, counts=counts, error=type(error).__name__)
            raise
        end_run(state, run, "done", at, counts=counts)
