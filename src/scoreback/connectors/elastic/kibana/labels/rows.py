"""Labels as rows of plain values, and rows as batches."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from scoreback.connectors.elastic.kibana.labels.hits import Source
from scoreback.connectors.elastic.kibana.names import DETECTOR_TAG
from scoreback.records import LABEL_COLUMNS, UNKNOWN_LABELLER, LabelQuery, Verdict

SOURCE = "verdict"

Row = dict[str, Any]  # keyed by the names in `LABEL_COLUMNS`; times are microseconds


def batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """*rows* as whole columns."""
    return batch_of({name: [row[name] for row in rows] for name in LABEL_COLUMNS.names})


def batch_of(columns: Mapping[str, Sequence[Any]]) -> pa.RecordBatch:
    """*columns* of plain values, with times in microseconds, as `LABEL_COLUMNS`."""
    arrays = [
        pa.array(columns[field.name], pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array(columns[field.name], field.type)
        for field in LABEL_COLUMNS
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=LABEL_COLUMNS)


def row(alert_id: str, source: Source, at: int, **more: object) -> Row:
    """A row for one alert at *at*; without *more*, it ends all earlier labels of the alert."""
    return {
        "event_id": None, "entity": None, "since": None, "until": None,
        "verdict": Verdict.UNDETERMINED.value, "label_time": at, "labeller": labeller(source),
        "source": SOURCE, "propensity": None, "alert_id": alert_id, "rule": rule_of(source),
        "withdrawn": not more, **more,
    }  # fmt: skip


def rule_of(source: Source) -> str:
    """The rule's name: for Scoreback's rules, the name that Scoreback uses."""
    for tag in source.rule_tags:
        if tag.startswith(DETECTOR_TAG):
            return tag.removeprefix(DETECTOR_TAG)
    return source.rule_name


def labeller(source: Source) -> str:
    """Who changed the alert's status: the id of a user profile.

    Only a login session in Kibana has one: an alert that was closed with a password or API key per
    request, or by a case, names nobody.
    """
    user = source.user
    if isinstance(user, list):
        user = user[0] if user else None
    return user or UNKNOWN_LABELLER


def is_asked(source: Source, query: LabelQuery) -> bool:
    """Whether *query* asks for verdicts on alerts of the rule, by its name or id."""
    return not query.rules or not {rule_of(source), source.rule_name, source.rule_id}.isdisjoint(
        query.rules
    )


def within(rows: Iterable[Row], query_since: int, query_until: int | None) -> list[Row]:
    """Those of *rows* with a label time in ``[since, until)``."""
    return [
        one
        for one in rows
        if one["label_time"] >= query_since
        and (query_until is None or one["label_time"] < query_until)
    ]
