"""Labels as rows of plain values, and rows as batches: the form that this folder uses."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa

from scoreback.connectors.doors import BATCH_ROWS
from scoreback.connectors.splunk.times import parsed
from scoreback.records import LABEL_COLUMNS, LabelBatch, LabelQuery
from scoreback.times import micros

Row = dict[str, Any]  # keyed by the names in `LABEL_COLUMNS`; times are aware

TIMES = ("since", "until", "label_time")


def batches(rows: Iterable[Row]) -> Iterator[LabelBatch]:
    """*rows* as batches of bounded size, in the same order."""
    left = iter(rows)
    while some := list(islice(left, BATCH_ROWS)):
        columns = {
            field.name: pa.array([_value(row, field.name) for row in some], field.type)
            for field in LABEL_COLUMNS
        }
        yield LabelBatch.of(columns, len(some))


def asked_for(row: Row, query: LabelQuery) -> bool:
    """Whether *query* asks for *row*."""
    if query.rules and row.get("rule") not in query.rules:
        return False
    at: datetime = row["label_time"]
    return at >= query.since and (query.until is None or at < query.until)


def from_document(document: Mapping[str, Any]) -> Row:
    """A row from the collection of verdicts, with its numbers turned into times."""
    found = {field.name: document.get(field.name) for field in LABEL_COLUMNS}
    for name in TIMES:
        found[name] = None if found[name] in (None, "") else parsed(found[name])
    found["withdrawn"] = found["withdrawn"] in (True, 1, "1", "true")
    found["source"] = found["source"] or "verdict"
    return {name: None if value == "" else value for name, value in found.items()}


def seconds(at: datetime) -> float:
    """*at* as the collections store times; a float resolves microseconds until 2242."""
    return micros(at) / 1_000_000


def _value(row: Row, name: str) -> object:
    value = row.get(name)
    if name == "withdrawn":
        return bool(value)
    return float(value) if name == "propensity" and value is not None else value
