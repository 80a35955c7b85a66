"""The outbox: one file per batch, with what the batch writes and a digest of it at the end.

A batch in doubt is finished from that file, so a changed bit in it would be a wrong score in the
SIEM. It is an Arrow file, then its sha256, then a mark. A file without the mark was written by a
version that had no digests, and is read as it is.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from scoreback.columns import flat
from scoreback.disk.files import draft, private_folder
from scoreback.disk.room import reason, remedy
from scoreback.errors import StateError
from scoreback.records import EQUAL_EDGES, SCORE_COLUMNS, Enrichment, Histogram, ScoreBatch, utc
from scoreback.service.state.batches import Batch
from scoreback.service.state.workspace_state import State

_MARK = b"scoreback sealed"
_ARROW_ENDS = b"ARROW1"
_SHA256_BYTES = 32
_LATEST = SCORE_COLUMNS.field("chance")  # the newest column of scores


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a batch writes."""

    scores: ScoreBatch  # of all models that scored
    histograms: tuple[Histogram, ...]  # one for each of them
    enrichment: Enrichment = Enrichment.NONE


def outbox_file(state: State, batch: Batch) -> Path:
    """The file with the parcel of *batch*, in a folder per detector; its lock keeps others out."""
    return state.outbox / batch.detector / batch.outbox


def store(path: Path, parcel: Parcel) -> None:
    """Keep *parcel* in the file *path*, whole or not at all.

    Raises:
        StateError: the disk is full, or the folder may not be written.
    """
    about = {
        "histograms": json.dumps([asdict(one) for one in parcel.histograms], default=str),
        "enrichment": parcel.enrichment.value,
    }
    table = pa.Table.from_batches([parcel.scores.batch]).replace_schema_metadata(about)
    try:
        with draft(private_folder(path.parent)) as new:
            # Read at most once, and soon deleted: columns as they lie in memory cost least.
            with pa.ipc.new_file(new.file, table.schema) as outbox:
                outbox.write_table(table)
            new.file.write(bytes.fromhex(new.sha256()) + _MARK)
            new.keep(path)
    except OSError as error:
        raise StateError(
            f"the outbox file {path} cannot be written: {reason(error)}",
            hint=f"{remedy(error)}; nothing is lost: the next score run goes on where this one"
            " stopped",
        ) from error


def load(path: Path) -> Parcel:
    """The parcel that `store` kept in the file *path*.

    Raises:
        StateError: it is missing, or not what was written.
    """
    try:
        content = _unsealed(path.read_bytes())
        table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
        table.validate(full=True)
        about = table.schema.metadata or {}
        enrichment = Enrichment(about.get(b"enrichment", b"none").decode())
        if b"histogram" in about:  # from before several models could score
            stored = [json.loads(about[b"histogram"])]
        else:
            stored = json.loads(about[b"histograms"])
        histograms = tuple(map(_histogram, stored))
        scores = _scores(table)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise StateError(
            f"the outbox file {path} of a batch in doubt cannot be read: {why}",
            hint="restore it from a backup of the state folder; without one, move the state folder"
            " away and score again with --since",
        ) from error
    return Parcel(scores, histograms, enrichment)


def _unsealed(content: bytes) -> memoryview:
    """The Arrow file in *content*, if the digest shows that it is what was written."""
    whole = memoryview(content)
    if not content.endswith(_MARK):
        if content.endswith(_ARROW_ENDS):
            return whole
        raise ValueError("its end is missing or damaged")
    end = len(content) - len(_MARK) - _SHA256_BYTES
    if end < 0 or hashlib.sha256(whole[:end]).digest() != whole[end : end + _SHA256_BYTES]:
        raise ValueError("its content was changed")
    return whole[:end]


def _scores(table: pa.Table) -> ScoreBatch:
    table = table.replace_schema_metadata()
    if _LATEST.name not in table.column_names:  # from a version that did not have it
        place = len(SCORE_COLUMNS) - 1
        table = table.add_column(place, _LATEST, pa.nulls(table.num_rows, _LATEST.type))
    schema = table.schema
    if list(schema)[: len(SCORE_COLUMNS)] != list(SCORE_COLUMNS):
        raise ValueError("its columns are not those of scores")
    return ScoreBatch(pa.RecordBatch.from_arrays(list(map(flat, table.columns)), schema=schema))


def _histogram(about: Mapping[str, object]) -> Histogram:
    own: dict[str, object] = {"edges": EQUAL_EDGES, **about}
    own["edges"] = tuple(own["edges"])  # type: ignore[arg-type]  # written by `store`
    for key in ("since", "until"):
        own[key] = utc(datetime.fromisoformat(str(about[key])))
    return Histogram(**own)  # type: ignore[arg-type]  # written by `store`, keys match
