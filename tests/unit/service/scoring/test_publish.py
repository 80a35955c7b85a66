"""The outbox: what a batch in doubt is finished from."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoreback.connectors.doors import Connector
from scoreback.errors import SiemUnavailable, StateError
from scoreback.records import SCORE_COLUMNS, Histogram, ScoreBatch, WriteReport
from scoreback.service.scoring.publish import publish, settle
from scoreback.service.state.workspace_state import Batch, Progress, State

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
AFTER = Progress(detector="d", plan_hash="p", watermark=T, score_since=T)
BATCH = Batch(
    batch_id="b", detector="d", version="v1-00000000", since=T, until=T + timedelta(minutes=5),
    outbox="b.arrow", next_progress=AFTER,
)  # fmt: skip
SCORES = ScoreBatch(
    pa.RecordBatch.from_pylist(
        [
            {
                "score_id": f"id{n}", "event_id": f"e{n}", "event_ref": "ref", "event_time": T,
                "scored_at": T, "entity": None, "detector": "d", "version": "v1-00000000",
                "stage": "live", "score": n / 10, "risk": 1.0, "threshold": 1.0, "alert": False,
                "reasons": None, "user.name": None if n % 2 else "amy",
            }
            for n in range(10)
        ],
        schema=SCORE_COLUMNS.append(pa.field("user.name", pa.string())),
    )
)  # fmt: skip
HISTOGRAM = Histogram(
    histogram_id="b", detector="d", version="v1-00000000", stage="live", since=T,
    until=T + timedelta(minutes=5), counts={T.isoformat(): [10] + [0] * 19},
)  # fmt: skip


class Siem:
    """Keeps what it is given, unless it is away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away, self.stored, self.histograms = away, list[dict[str, Any]](), list[Histogram]()

    def write(self, scores: ScoreBatch) -> WriteReport:
        if self.away:
            raise SiemUnavailable("it is away", hint="wait")
        self.stored += scores.batch.to_pylist()
        return WriteReport(written=scores.num_rows)

    def write_histogram(self, histogram: Histogram) -> None:
        self.histograms.append(histogram)

    def existing(self, score_ids: list[str]) -> set[str]:
        return {"id3"} & set(score_ids)


@pytest.fixture
def doubtful(tmp_path: Path) -> Iterator[State]:
    """A state whose one batch was begun, and did not get through."""
    with State.open(tmp_path / "state") as state:
        with pytest.raises(SiemUnavailable):
            publish(state, cast("Connector", Siem(away=True)), BATCH, SCORES, HISTOGRAM)
        yield state


def test_a_batch_in_doubt_is_finished_with_what_is_missing(doubtful: State) -> None:
    siem = Siem()
    assert settle(doubtful, cast("Connector", siem), "d") == 1
    assert siem.stored == [row for row in SCORES.batch.to_pylist() if row["score_id"] != "id3"]
    assert siem.histograms == [HISTOGRAM]
    assert doubtful.progress("d", "p") == AFTER
    assert not list((doubtful.outbox / "d").iterdir())
    assert settle(doubtful, cast("Connector", siem), "d") == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_an_outbox_file_that_breaks_off_is_named_and_nothing_is_written(
    doubtful: State, share: float
) -> None:
    path = doubtful.outbox / "d" / "b.arrow"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    siem = Siem()
    with pytest.raises(StateError, match=r"b\.arrow of a batch in doubt cannot be read"):
        settle(doubtful, cast("Connector", siem), "d")
    assert not siem.stored
    path.write_bytes(content)  # restored from a backup, say
    assert settle(doubtful, cast("Connector", siem), "d") == 1


@given(seed=st.integers(0, 2**32))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_damaged_outbox_file_never_ends_the_process(doubtful: State, seed: int) -> None:
    draw = np.random.default_rng(seed)
    path = doubtful.outbox / "d" / "b.arrow"
    whole = path.read_bytes()
    content = bytearray(whole)
    for at in draw.integers(len(content), size=3).tolist():
        content[at] = int(draw.integers(256))
    path.write_bytes(content)
    with suppress(StateError, SiemUnavailable):
        settle(doubtful, cast("Connector", Siem(away=True)), "d")
    path.write_bytes(whole)
