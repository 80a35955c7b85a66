"""What a batch writes, kept in a file until it is known to be in the SIEM."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from scoreback.columns import flat
from scoreback.errors import StateError
from scoreback.records import EQUAL_EDGES, SCORE_COLUMNS, Enrichment, Histogram, ScoreBatch, utc
from scoreback.service.state.workspace_state import Batch, State


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a batch writes."""

    scores: ScoreBatch  # of all models that scored
    histograms: tuple[Histogram, ...]  # one for each of them
    enrichment: Enrichment = Enrichment.NONE


def outbox_file(state: State, batch: Batch) -> Path:
    """Where the parcel of *batch* lies: a folder per detector, whose lock keeps others out."""
    return state.outbox / batch.detector / batch.outbox


def store_parcel(path: Path, parcel: Parcel) -> None:
    """Write *parcel* to *path*, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {
        "histograms": json.dumps([asdict(one) for one in parcel.histograms], default=str),
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


def load_parcel(path: Path) -> Parcel:
    """The parcel that lies at *path*.

    Raises:
        StateError: it is gone or damaged.
    """
    try:
        with pa.OSFile(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        told = table.schema.metadata or {}
        enrichment = Enrichment(told.get(b"enrichment", b"none").decode())
        if b"histogram" in told:  # as it was before several models could score
            abouts = [json.loads(told[b"histogram"])]
        else:
            abouts = json.loads(told[b"histograms"])
        histograms = tuple(map(_histogram, abouts))
        scores = _scores(table)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise StateError(
            f"the outbox file {path} of a batch in doubt cannot be read: {error}",
            hint="restore it from a backup of the state folder, or move the folder away to start"
            " scoring afresh with --since",
        ) from error
    return Parcel(scores, histograms, enrichment)


def _scores(table: pa.Table) -> ScoreBatch:
    schema = table.schema.remove_metadata()
    if list(schema)[: len(SCORE_COLUMNS)] != list(SCORE_COLUMNS):
        raise ValueError("it holds other columns than scores have")
    return ScoreBatch(pa.RecordBatch.from_arrays(list(map(flat, table.columns)), schema=schema))


def _histogram(about: Mapping[str, object]) -> Histogram:
    own: dict[str, object] = {"edges": EQUAL_EDGES, **about}
    own["edges"] = tuple(own["edges"])  # type: ignore[arg-type]  # written by `store_parcel`
    for key in ("since", "until"):
        own[key] = utc(datetime.fromisoformat(str(about[key])))
    return Histogram(**own)  # type: ignore[arg-type]  # written by `store_parcel`, keys match
