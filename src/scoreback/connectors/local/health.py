"""Keeps how detectors are doing: the hourly histograms of all scores."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from scoreback.connectors.local.storage import ledger
from scoreback.connectors.local.storage.store import Store
from scoreback.records import Histogram
from scoreback.times import micros, moment


def write_histogram(store: Store, histogram: Histogram) -> None:
    """Store *histogram*; the same id replaces."""
    row = {
        "detector": histogram.detector,
        "version": histogram.version,
        "stage": histogram.stage,
        "since": micros(histogram.since),
        "until": micros(histogram.until),
        "counts": {hour: list(counts) for hour, counts in histogram.counts.items()},
    }
    insert = sqlite.insert(ledger.histograms).values(histogram_id=histogram.histogram_id, **row)
    with store.ledger.writing() as connection:
        connection.execute(insert.on_conflict_do_update(index_elements=["histogram_id"], set_=row))


def histograms(store: Store, detector: str, since: datetime | None = None) -> list[Histogram]:
    """The detector's histograms by slice, of slices that start at or after *since*."""
    of = ledger.histograms.c
    query = sa.select(ledger.histograms).where(of.detector == detector)
    if since is not None:
        query = query.where(of.since >= micros(since))
    with store.ledger.reading() as connection:
        rows = connection.execute(query.order_by(of.since, of.histogram_id)).mappings().all()
    return [
        Histogram(**{**row, "since": moment(row["since"]), "until": moment(row["until"])})
        for row in rows
    ]
