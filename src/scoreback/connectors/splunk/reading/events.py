"""Reads the events of a selection by index time, in order, each id once.

Splunk stores index times in whole seconds. An event counts as arrived at the end of its second: so
it never arrives before it happened, and no second is read only in part.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoreback.columns import flat
from scoreback.connectors.doors import BATCH_ROWS, Slice
from scoreback.connectors.splunk.reading.cim import fields_of
from scoreback.connectors.splunk.reading.macros import expanded
from scoreback.connectors.splunk.reading.pieces import Reader, quantiles
from scoreback.connectors.splunk.reading.rows import RowDecoder
from scoreback.connectors.splunk.reading.selection import EVENT_ID, Selection, event_id
from scoreback.connectors.splunk.reading.sources import ByIndexTime
from scoreback.connectors.splunk.settings import SplunkSettings
from scoreback.connectors.splunk.spl import column
from scoreback.connectors.splunk.times import microseconds, numbers
from scoreback.connectors.splunk.wire.client import Client
from scoreback.connectors.splunk.wire.export import Row, search
from scoreback.errors import SiemRefused
from scoreback.multivalue import firsts, joined
from scoreback.records import EVENT_COLUMNS, TIME, EventBatch, EventQuery, TimeWindow
from scoreback.times import micros, moment

SAMPLE = 1_000  # how many events are examined for their fields
REMEMBERED = 200_000  # how many ids are remembered to recognise later repeats
_SECOND = 1_000_000
# Fields that Splunk itself adds to each event; no detector learns from them.
_OF_SPLUNK = frozenset(
    {
        "eventtype", "linecount", "punct", "splunk_server", "splunk_server_group", "tag",
        "timeendpos", "timestartpos",
    }
)  # fmt: skip


class Events:
    """The events door."""

    ID, TIME, ARRIVAL = EVENT_ID, "scoreback_time", "scoreback_arrival"  # columns of each row

    def __init__(self, client: Client, settings: SplunkSettings) -> None:
        """Read through *client*."""
        self._client, self._settings = client, settings

    def refuse_selection(self, selection: Mapping[str, object]) -> None:
        """Refuse a *selection* that is not valid for Splunk, or does more than select."""
        Selection.of(selection)

    def slices(self, query: EventQuery, window: TimeWindow, parts: int = 1) -> Sequence[Slice]:
        """Cut *query* over *window* into *parts* slices with about equally many events."""
        if parts < 1:
            raise SiemRefused(f"cannot cut a window into {parts} parts", hint="ask for 1 or more")
        selection = Selection.of(query.selection)
        for name in query.fields:
            selection.looked_for(name)
        cuts = [micros(window.since), *[micros(window.until)] * parts]
        first, last = _seconds(window)
        if parts > 1:
            source = self.source(selection)
            inner = quantiles(self._client, source, first, last, parts)[1:-1]
            cuts[1:-1] = [min(max(cut * _SECOND, cuts[0]), cuts[-1]) for cut in inner]
        return [
            Slice(
                query=query,
                window=TimeWindow(since=moment(a), until=moment(b)),
                part=part,
                parts=parts,
            )
            for part, (a, b) in enumerate(pairwise(cuts))
        ]

    def fields(self, selection: Mapping[str, object]) -> tuple[str, ...]:
        """Sorted names of the fields that events of *selection* have."""
        typed = Selection.of(selection)
        own = {self.ID, self.TIME, self.ARRIVAL}
        names = {name for row in self.sample(typed) for name in row} - own
        return fields_of(names, typed.fields)

    def sample(self, selection: Selection) -> list[Row]:
        """Some of the latest events of *selection*, with Splunk's field names.

        Each event also has `ID`, `TIME` and `ARRIVAL`.
        """
        text = expanded(self._client, selection.search)
        spl = f"search ({text}) | head {SAMPLE}{_evaluated(selection.id)} | fields *"
        return [
            {
                name: value
                for name, value in row.items()
                if not name.startswith(("_", "date_", "tag::")) and name not in _OF_SPLUNK
            }
            for row in search(self._client, spl)
        ]

    def source(self, selection: Selection) -> ByIndexTime:
        """*selection* by index time."""
        return ByIndexTime(expanded(self._client, selection.search), self._settings.reach)

    def read(self, piece: Slice) -> Iterator[EventBatch]:
        """Yield the events of *piece* in order of (arrival_time, event_id)."""
        query = piece.query
        selection = Selection.of(query.selection)
        fields = tuple(dict.fromkeys(query.fields))
        looked_for = {name: selection.looked_for(name) for name in fields}
        asked = list(dict.fromkeys(name for names in looked_for.values() for name in names))
        reader = Reader(
            self._client,
            self.source(selection),
            RowDecoder([self.ID, self.TIME, self.ARRIVAL, *asked]),
            _commands(selection.id, asked),
        )
        repeats = _Repeats()
        since, until = _seconds(piece.window)
        for found in reader.tables(since, until):
            table = repeats.without(_events(found, looked_for, since, until))
            for batch in table.combine_chunks().to_batches(max_chunksize=BATCH_ROWS):
                yield EventBatch(batch)


class _Repeats:
    """Events that were already yielded: forwarders resend what was not acknowledged."""

    def __init__(self) -> None:
        self._recent: deque[pa.Array] = deque()

    def without(self, events: pa.Table) -> pa.Table:
        """*events* without repeats among them, or of events that came recently."""
        if not events.num_rows:
            return events
        ids = flat(events["event_id"])
        codes = ids.dictionary_encode().indices.to_numpy()
        firsts_of = np.unique(codes, return_index=True)[1]
        if len(firsts_of) < len(ids):
            events = events.take(pa.array(np.sort(firsts_of)))
            ids = flat(events["event_id"])
        for earlier in self._recent:
            known = pc.is_in(ids, value_set=earlier)
            if pc.any(known).as_py():
                events = events.filter(pc.invert(known))
                ids = flat(events["event_id"])
        self._recent.append(ids)
        while len(self._recent) > 1 and sum(map(len, self._recent)) > REMEMBERED:
            self._recent.popleft()
        return events


def _commands(id_fields: tuple[str, ...], asked: Sequence[str]) -> str:
    names = ", ".join([Events.ID, Events.TIME, Events.ARRIVAL, *map(column, asked)])
    return f"{_evaluated(id_fields)} | fields {names} | fields - _*"


def _evaluated(id_fields: tuple[str, ...]) -> str:
    return (
        f" | eval {Events.ID}={event_id(id_fields)}"
        f', {Events.TIME}=strftime(_time,"%s.%6N"), {Events.ARRIVAL}=_indextime'
    )


def _events(
    rows: pa.Table, looked_for: Mapping[str, Sequence[str]], since: int, until: int
) -> pa.Table:
    """The events among *rows* that were indexed in ``[since, until)``, in order."""
    seconds = numbers(firsts(rows[Events.ARRIVAL]))
    inside = pc.and_(pc.greater_equal(seconds, since), pc.less(seconds, until))
    known = pc.and_(inside, pc.is_valid(rows[EVENT_ID]))
    if not pc.all(pc.fill_null(known, False)).as_py():
        rows = rows.filter(pc.fill_null(known, False))
        seconds = numbers(firsts(rows[Events.ARRIVAL]))
    ends = pc.add(pc.multiply(pc.floor(seconds).cast(pa.int64()), _SECOND), _SECOND - 1)
    times = pc.min_element_wise(microseconds(firsts(rows[Events.TIME])), ends, skip_nulls=True)
    columns = {
        "event_id": joined(rows[EVENT_ID], ","),
        "event_ref": pa.repeat("", rows.num_rows),
        "event_time": times.cast(TIME),
        "arrival_time": ends.cast(TIME),
    }
    columns |= {
        name: flat(pc.coalesce(*(rows[theirs] for theirs in names)))
        for name, names in looked_for.items()
    }
    table = pa.table(columns)
    typed = pa.schema([*EVENT_COLUMNS, *list(table.schema)[len(EVENT_COLUMNS) :]])
    order = [("arrival_time", "ascending"), ("event_id", "ascending")]
    return table.cast(typed).sort_by(order)


def _seconds(window: TimeWindow) -> tuple[int, int]:
    """The seconds whose ends lie in *window*, half-open."""
    return micros(window.since) // _SECOND, micros(window.until) // _SECOND
