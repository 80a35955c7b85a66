"""Reads a sample of events and drafts a detector file from it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from scoreback.errors import DataError
from scoreback.models.detector.draft import Draft, draft
from scoreback.models.detector.profile import profile
from scoreback.records import EventQuery, TimeWindow
from scoreback.service.app import App

SAMPLE = 20_000  # events
_BEGIN = datetime(1971, 1, 1, tzinfo=UTC)


def draft_detector(
    app: App, name: str, selection: Mapping[str, str], now: datetime, sample: int = SAMPLE
) -> Draft:
    """Draft the detector *name* from up to *sample* events of *selection*, spread over all slices.

    Raises:
        DataError: nothing is selected.
        SiemRefused: the SIEM does not know the selection.
    """
    fields = app.connector.events.fields(selection)
    query = EventQuery(selection=selection, fields=fields)
    window = TimeWindow(since=_BEGIN, until=now + timedelta(days=1))
    pieces = app.connector.events.slices(query, window, parts=8)
    share = -(-sample // max(len(pieces), 1))
    batches: list[pa.RecordBatch] = []
    for piece in pieces:
        left = share
        for events in app.connector.events.read(piece):
            batches.append(events.batch.slice(0, left))
            left -= events.batch.num_rows
            if left <= 0:
                break
    table = pa.Table.from_batches(batches) if batches else None
    if table is None or not table.num_rows:
        raise DataError(
            f"no event is selected by {dict(selection)}",
            hint="name a stream that holds events, for example --select stream=alerts",
        )
    found = profile(table, [f for f in fields if pa.types.is_string(table.schema.field(f).type)])
    return draft(name, app.settings.connector, selection, found, table.num_rows)
