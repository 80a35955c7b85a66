"""Writes a step's scores exactly once, whatever is killed and whenever.

Four moves, each safe to repeat: the scores are put into the outbox (a file), the batch is written
down as begun together with the state that will follow it, the SIEM is given the scores, and one
transaction marks the batch done and makes that state the current one. A batch found begun is in
doubt: its score ids are read back from the SIEM and only what is missing is written.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.connectors.base import Connector
from scoreback.errors import StateError
from scoreback.records import SCORE_COLUMNS, Enrichment, Histogram, Refused, ScoreBatch, utc
from scoreback.service.state.workspace_state import Batch, State


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one batch."""

    written: int
    already_there: int
    refused: int


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What a batch writes, as the outbox keeps it."""

    scores: ScoreBatch
    histogram: Histogram
    enrichment: Enrichment


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
    parcel = _Parcel(scores, histogram, enrichment)
    _store(_outbox(state, batch.detector) / batch.outbox, parcel)
    state.begin_batch(batch)
    return _send(state, connector, batch, parcel, scores)


def settle(state: State, connector: Connector, detector: str) -> int:
    """Finish the batches of *detector* that are in doubt; how many there were."""
    doubtful = state.batches_in_doubt(detector)
    outbox = _outbox(state, detector)
    for batch in doubtful:
        parcel = _load(outbox / batch.outbox)
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
    state: State, connector: Connector, batch: Batch, parcel: _Parcel, missing: ScoreBatch
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
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)  # whole documents may lie in it
    path.write_text("".join(json.dumps(asdict(item)) + "\n" for item in refused))


def _store(path: Path, parcel: _Parcel) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "histogram": json.dumps(asdict(parcel.histogram), default=str),
        "enrichment": parcel.enrichment.value,
    }
    table = pa.Table.from_batches([parcel.scores.batch]).replace_schema_metadata(about)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        # Read once at most, and gone in a moment: columns as they lie in memory cost least.
        with pa.ipc.new_file(file, table.schema) as outbox:
            outbox.write_table(table)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _load(path: Path) -> _Parcel:
    try:
        with pa.OSFile(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        told = table.schema.metadata or {}
        enrichment = Enrichment(told.get(b"enrichment", b"none").decode())
        histogram = _histogram(json.loads(told[b"histogram"]))
        scores = _scores(table)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise StateError(
            f"the outbox file {path} of a batch in doubt cannot be read: {error}",
            hint="restore it from a backup of the state folder, or move the folder away to start"
            " scoring afresh with --since",
        ) from error
    return _Parcel(scores, histogram, enrichment)


def _scores(table: pa.Table) -> ScoreBatch:
    schema = table.schema.remove_metadata()
    if list(schema)[: len(SCORE_COLUMNS)] != list(SCORE_COLUMNS):
        raise ValueError("it holds other columns than scores have")
    return ScoreBatch(pa.RecordBatch.from_arrays(list(map(flat, table.columns)), schema=schema))


def _histogram(about: Mapping[str, object]) -> Histogram:
    times = {key: utc(datetime.fromisoformat(str(about[key]))) for key in ("since", "until")}
    rest = {key: about[key] for key in about if key not in times}
    return Histogram(**times, **rest)  # type: ignore[arg-type]  # written by `_store`, keys match
