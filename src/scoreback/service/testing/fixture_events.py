"""Fixture events of a test as columns, read as an export of the same events would be."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.json.decode import FieldDecoder
from scoreback.errors import ConfigError
from scoreback.models.detector.fixture_tests import (
    ARRIVAL_TIME,
    EVENT_ID,
    TIME_NAMES,
    FixtureTest,
)
from scoreback.models.detector.quantities import parse_duration
from scoreback.records import EVENT_COLUMNS, EventBatch
from scoreback.regular_file import read_regular
from scoreback.times import micros, moment, span
from scoreback.timestamps import FORMATS, TimeReader

MOST_EVENTS = 100_000  # per test: this is a fixture, not a history
LARGEST_FILE = 64 * 1024 * 1024

_REPEAT = {"repeat", "every", "event"}


@dataclass(frozen=True, slots=True)
class _Given:
    """One event as it is written, and how much later than written it happens."""

    document: dict[str, Any]
    after_us: int
    where: str  # its place, for errors: "event 3"


def fixture_events(test: FixtureTest, file: Path, fields: Sequence[str]) -> EventBatch:
    """The events of *test*, from *file*, with *fields*, in order of time, then of id.

    An event without an id is named by its place: 1, 2, 3. One without ``arrival_time`` arrives
    when it happens.

    Raises:
        ConfigError: an event cannot be used; names the test, the event and the remedy.
    """
    about = f"{file}: test {test.name!r}"
    given = list(_written(test, file, about))
    if not given:
        raise ConfigError(
            f"{about} has no events", hint="write some under events, or correct events_file"
        )
    decoded = FieldDecoder([*fields, EVENT_ID, ARRIVAL_TIME, *TIME_NAMES]).decode(
        [json.dumps(one.document, ensure_ascii=False) for one in given]
    )
    for row, reason in decoded.bad.items():
        raise ConfigError(f"{about}: {given[row].where}: {reason}", hint="correct the event")
    times = _times(pc.coalesce(*(decoded.columns[name] for name in TIME_NAMES)), about, given)
    arrivals = _times(decoded.columns[ARRIVAL_TIME], about, given, missing=times)
    early = pc.index(pc.less(arrivals, times), pa.scalar(True)).as_py()
    if early >= 0:
        raise ConfigError(
            f"{about}: {given[early].where} arrives before it happens",
            hint="write a later arrival_time, or leave it out",
        )
    places = pa.array([str(place) for place in range(1, len(given) + 1)])
    ids = pc.coalesce(decoded.columns[EVENT_ID], places)
    _refuse_twice(ids.to_pylist(), about)
    table = pa.table(
        [ids, ids, times, arrivals, *(decoded.columns[name] for name in fields)],
        schema=pa.schema([*EVENT_COLUMNS, *(pa.field(name, pa.string()) for name in fields)]),
    )
    ordered = table.sort_by([("event_time", "ascending"), ("event_id", "ascending")])
    return EventBatch(ordered.combine_chunks().to_batches()[0])


def refuse_unknown_events(test: FixtureTest, file: Path, events: EventBatch) -> None:
    """Refuse a test that expects something of an event that is not in it.

    Raises:
        ConfigError: names the event.
    """
    known = set(events.batch["event_id"].to_pylist())
    for name in sorted(test.expect.events() - known):
        raise ConfigError(
            f"{file}: test {test.name!r} expects something of the event {name!r}, which it does"
            " not have",
            hint="give the event that is meant an event_id; those without one are called 1, 2, 3",
        )


def _written(test: FixtureTest, file: Path, about: str) -> Iterator[_Given]:
    every = chain(_of_file(test, file, about), _of_test(test, about))
    for count, one in enumerate(every, start=1):
        if count > MOST_EVENTS:
            raise ConfigError(
                f"{about} has more than {MOST_EVENTS:,} events",
                hint="keep only the events that the test is about",
            )
        yield one


def _of_file(test: FixtureTest, file: Path, about: str) -> Iterator[_Given]:
    if test.events_file is None:
        return
    path = file.parent / test.events_file
    try:
        content = read_regular(path, LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise ConfigError(
                f"{about}: {path} is too large for a fixture", hint="keep fewer events in it"
            )
        lines = content.decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{about}: {path} cannot be read: {reason}", hint="name an NDJSON file beside the test"
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            document = json.loads(line)
        except ValueError as error:
            raise ConfigError(
                f"{about}: {where} is not JSON: {error}", hint="write one object a line"
            ) from error
        if not isinstance(document, dict):
            raise ConfigError(f"{about}: {where} is not an object", hint="write one object a line")
        yield _Given(document, 0, where)


def _of_test(test: FixtureTest, about: str) -> Iterator[_Given]:
    for place, event in enumerate(test.events, start=1):
        where = f"event {place} of its list"
        if "repeat" not in event:
            yield _Given(event, 0, where)
            continue
        times, every, each = event.get("repeat"), event.get("every", "0s"), event.get("event")
        if set(event) - _REPEAT or not isinstance(each, dict) or not isinstance(times, int):
            raise ConfigError(
                f"{about}: {where} is not a repetition",
                hint="write {repeat: 50, every: 1s, event: {...}}",
            )
        if not 1 <= times <= MOST_EVENTS:
            raise ConfigError(
                f"{about}: {where}: repeat is not between 1 and {MOST_EVENTS:,}",
                hint="write how often the event comes",
            )
        if EVENT_ID in each and times > 1:
            raise ConfigError(
                f"{about}: {where}: {times} events would have one id",
                hint="leave event_id out: they are called after their places",
            )
        try:
            gap = span(parse_duration(every))
        except ValueError as error:
            raise ConfigError(f"{about}: {where}: every: {error}", hint="write 10s, 1m") from error
        yield from (_Given(each, n * gap, where) for n in range(times))


def _times(
    texts: pa.Array, about: str, given: Sequence[_Given], missing: pa.Array | None = None
) -> pa.Array:
    with closing(TimeReader()) as reader:
        read = reader.read(texts).values.to_pylist()
    others = [None] * len(read) if missing is None else missing.to_pylist()
    found = []
    for one, text, time, other in zip(given, texts.to_pylist(), read, others, strict=True):
        if time is None and (text is not None or other is None):
            what = "has no time" if text is None else f"{text!r} is not a valid time"
            raise ConfigError(
                f"{about}: {one.where}: {what}", hint=f"write its @timestamp; read are {FORMATS}"
            )
        found.append(other if time is None else moment(micros(time) + one.after_us))
    return pa.array(found, EVENT_COLUMNS.field("event_time").type)


def _refuse_twice(ids: Sequence[str], about: str) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ConfigError(
                f"{about}: two events are called {one!r}",
                hint="give each event an event_id of its own; 1, 2, 3 are those without one",
            )
        seen.add(one)
