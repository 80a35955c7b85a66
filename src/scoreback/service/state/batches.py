"""How far scoring got, and the writes that take it further: the values, and their table rows."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from pydantic import TypeAdapter

from scoreback.errors import StateError
from scoreback.records import utc
from scoreback.service.state import tables

BatchStatus = Literal["begun", "sent", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far scoring got for one detector and feature plan."""

    detector: str
    plan_hash: str
    watermark: datetime  # events that arrived before it were read
    score_since: datetime  # events that arrived before it only fill windows
    segments: tuple[str, ...] = ()  # files of window state that are in use
    pending: str | None = None  # the file of events that wait for their windows
    # File of events that waited under the previous feature plan and that this plan scores.
    owed: str | None = None
    selection: str | None = None  # which events were read, as JSON; None: unknown
    events: int | None = None  # read, with arrival in [score_since, watermark); None: unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One write to the SIEM: begun before it is sent, sent afterwards, done once it is there."""

    batch_id: str
    detector: str
    version: str  # the model's version; several are separated by commas
    since: datetime
    until: datetime
    outbox: str  # the file in the outbox with what is written
    next_progress: Progress | None  # None once it is the current progress
    status: BatchStatus = "begun"
    sent_at: datetime | None = None  # when it was last sent, or may have been


SEGMENTS = TypeAdapter(tuple[str, ...])
PROGRESS: TypeAdapter[Progress | None] = TypeAdapter(Progress | None)


def progress_of(row: sa.Row[tuple[object, ...]]) -> Progress:
    """The progress that *row* of its table holds."""
    values = dict(row._mapping)
    del values["turn"]
    what = f"progress of {values['detector']!r}"
    segments = tables.from_json(SEGMENTS, values.pop("segments"), what)
    return Progress(**values, segments=segments)


def batch_of(row: sa.Row[tuple[object, ...]]) -> Batch:
    """The batch that *row* of its table holds.

    Raises:
        StateError: the row is damaged.
    """
    values = dict(row._mapping)
    what = f"batch {values['batch_id']}"
    text = values.pop("next_state")
    after = None if text is None else tables.from_json(PROGRESS, text, what)
    if after is None and values["status"] == "begun":
        raise StateError(f"{what} lacks the state after it", hint="restore from a backup")
    if after is not None:
        if after.watermark.tzinfo is None or after.score_since.tzinfo is None:
            raise StateError(f"{what} has times without a zone", hint="restore from a backup")
        after = replace(after, watermark=utc(after.watermark), score_since=utc(after.score_since))
    del values["begun"]
    return Batch(**values, next_progress=after)
