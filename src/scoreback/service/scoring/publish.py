"""Writes a step's scores exactly once, whatever is killed and whenever.

Four moves, each safe to repeat: the scores are put into the outbox (a file), the batch is written
down as begun together with the state that will follow it, the SIEM is given the scores, and one
transaction marks the batch done and makes that state the current one. A batch found begun is in
doubt: its score ids are read back from the SIEM and only what is missing is written.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.base import Connector
from scoreback.disk.files import write_whole
from scoreback.disk.room import reason, remedy
from scoreback.errors import StateError
from scoreback.records import Enrichment, Histogram, Refused, ScoreBatch
from scoreback.service.scoring.outbox import Parcel, load, store
from scoreback.service.state.workspace_state import Batch, State


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one batch."""

    written: int
    already_there: int
    refused: int


def publish(
    state: State,
    connector: Connector,
    batch: Batch,
    scores: ScoreBatch,
    histogram: Histogram,
    enrichment: Enrichment = Enrichment.NONE,
) -> Published:
    """Write *scores* and *histogram*, then make ``batch.next_progress`` the current progress.

    Scores are written before they enrich anything, so that an enriched event always has a history.

    Raises:
        SiemUnavailable: nothing is lost; `settle` finishes the batch later.
    """
    parcel = Parcel(scores, histogram, enrichment)
    store(_outbox(state, batch.detector) / batch.outbox, parcel)
    state.begin_batch(batch)
    return _send(state, connector, batch, parcel, scores)


def settle(state: State, connector: Connector, detector: str) -> int:
    """Finish the batches of *detector* that are in doubt; how many there were."""
    doubtful = state.batches_in_doubt(detector)
    outbox = _outbox(state, detector)
    for batch in doubtful:
        parcel = load(outbox / batch.outbox)
        scores = parcel.scores
        stored = connector.existing(scores.batch.column("score_id").to_pylist())
        missing = pc.invert(
            pc.is_in(scores.batch.column("score_id"), value_set=pa.array(stored, pa.string()))
        )
        _send(state, connector, batch, parcel, ScoreBatch(scores.batch.filter(missing)))
    for path in outbox.glob("*"):
        path.unlink(missing_ok=True)  # never begun: the step is computed again
    return len(doubtful)


def _send(
    state: State, connector: Connector, batch: Batch, parcel: Parcel, missing: ScoreBatch
) -> Published:
    """Write the *missing* scores of *parcel*, and all the rest of it, which may come twice."""
    report = connector.write(missing)
    refused = report.refused
    if parcel.enrichment != Enrichment.NONE and parcel.scores.num_rows:
        refused += connector.enrich(parcel.scores, parcel.enrichment).refused
    if parcel.histogram.counts:
        connector.write_histogram(parcel.histogram)
    if refused:
        _keep_refused(state.refused / f"{batch.batch_id}.ndjson", refused)
    state.finish_batch(batch.batch_id, batch.next_progress)
    (_outbox(state, batch.detector) / batch.outbox).unlink(missing_ok=True)
    return Published(report.written, report.already_there, len(refused))


def _outbox(state: State, detector: str) -> Path:
    """One folder per detector, as its lock is what keeps others out."""
    return state.outbox / detector


def _keep_refused(path: Path, refused: tuple[Refused, ...]) -> None:
    content = "".join(json.dumps(asdict(item)) + "\n" for item in refused)
    try:
        write_whole(path, content.encode())
    except OSError as error:
        raise StateError(
            f"{len(refused)} items that the SIEM refused cannot be kept in {path}: {reason(error)}",
            hint=f"{remedy(error)}; nothing is lost: the next score run finishes the batch",
        ) from error
