"""Findings about whether a detector can work on the embedded SIEM, each with its fix."""

import os
from collections.abc import Sequence

from scoreback.connectors.local.events import Events, fields_of, require_fields
from scoreback.connectors.local.storage.compaction import kept_while_read
from scoreback.connectors.local.storage.engine import engine, parquet
from scoreback.connectors.local.storage.inspection import inspect
from scoreback.connectors.local.storage.segments import Segment
from scoreback.connectors.local.storage.store import Store
from scoreback.errors import SiemRefused
from scoreback.records import EventQuery, Finding
from scoreback.sql import identifier, literal

SPARSE = 0.5  # warn about a field that more than half of the events lack


def check(store: Store, query: EventQuery) -> Sequence[Finding]:
    """Findings for *query*, the fatal ones first."""
    with kept_while_read(store):
        return _check(store, query)


def _check(store: Store, query: EventQuery) -> Sequence[Finding]:
    if not os.access(store.folder, os.W_OK):
        return [
            Finding(
                what=f"{store.folder} cannot be written",
                fix="make the folder writable for this user",
            )
        ]
    try:
        found = Events(store).selected(query.selection)
    except SiemRefused as error:
        return [Finding(what=error.message, fix=error.hint)]
    missing: list[Finding] = []
    later = set(Events(store).fields(query.selection)) - set(fields_of(found))
    for name in query.fields:
        if name in later:  # no event was loaded with it, but later loads added it to some
            continue
        try:
            require_fields(found, [name])
        except SiemRefused as error:
            missing.append(Finding(what=error.message, fix=error.hint))
    there = [name for name in dict.fromkeys(query.fields) if name in fields_of(found)]
    wrong = inspect(store, found)
    if any(finding.fatal for finding in wrong):  # then nothing more can be read
        return sorted([*missing, *wrong], key=lambda finding: not finding.fatal)
    return [*missing, *wrong, *_shared_ids(store, found), *_sparse(store, found, there)]


def _sparse(store: Store, found: Sequence[Segment], fields: Sequence[str]) -> list[Finding]:
    if not fields:
        return []
    counts = ", ".join(f"count({identifier(name)})" for name in fields)
    files = parquet(store.segments.intact(segment) for segment in found)
    with engine(store.staging) as connection:
        total, *present = connection.sql(f"SELECT count(*), {counts} FROM {files}").fetchall()[0]  # noqa: S608
    return [
        Finding(
            what=f"{1 - n / total:.0%} of the {total:,} events have no {name!r}",
            fix="check that the selection covers events that have this field",
            fatal=False,
        )
        for name, n in zip(fields, present, strict=True)
        if n < SPARSE * total
    ]


def _shared_ids(store: Store, found: Sequence[Segment]) -> list[Finding]:
    """Findings for ids that several streams share: a detector's streams must not share ids."""
    by_stream: dict[str, list[Segment]] = {}
    for segment in found:
        by_stream.setdefault(segment.stream, []).append(segment)
    if len(by_stream) < 2:
        return []
    ids = " UNION ALL ".join(
        f"SELECT event_id, {literal(stream)} AS stream "  # noqa: S608
        f"FROM {parquet(store.segments.intact(segment) for segment in inside)}"
        for stream, inside in by_stream.items()
    )
    shared = f"SELECT event_id FROM ({ids}) GROUP BY event_id HAVING count(*) > 1"  # noqa: S608
    with engine(store.staging) as connection:
        count, example = connection.sql(
            f"SELECT count(*), min(event_id) FROM ({shared})"  # noqa: S608
        ).fetchall()[0]
    if not count:
        return []
    return [
        Finding(
            what=f"{count:,} event ids are in more than one of the streams, such as {example!r}",
            fix="load these streams with an id column whose values differ between them",
        )
    ]
