"""Loads an export of events into a stream: all or nothing, and loading again adds nothing."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from scoreback.connectors.doors.intake import Fault, LoadMapping, LoadReport, Progress, Scored
from scoreback.connectors.local.loading.arrivals import Arrivals
from scoreback.connectors.local.loading.case_names import CaseNames
from scoreback.connectors.local.loading.csv_rows import CsvRows
from scoreback.connectors.local.loading.formats import Export, find_export
from scoreback.connectors.local.loading.intake import KEYS, RESERVED, clamped, intake
from scoreback.connectors.local.loading.kibana_cells import without_marks
from scoreback.connectors.local.loading.known_rows import KnownRows
from scoreback.connectors.local.loading.ndjson_rows import NdjsonRows
from scoreback.connectors.local.loading.parquet_rows import ParquetRows
from scoreback.connectors.local.loading.rejects import Rejects
from scoreback.connectors.local.loading.remedies import remedy
from scoreback.connectors.local.loading.rows import RowReader, Rows, Wanted
from scoreback.connectors.local.loading.time_guess import SAMPLES, form_of
from scoreback.connectors.local.loading.whole_again import whole_again
from scoreback.connectors.local.loading.zeek_rows import ZeekRows
from scoreback.connectors.local.storage.contents import field_names
from scoreback.connectors.local.storage.segments import Source
from scoreback.connectors.local.storage.store import Store, stream_name
from scoreback.errors import ConfigError, DataError
from scoreback.multivalue import firsts, values_of
from scoreback.regular_file import open_regular
from scoreback.timestamps import KIBANA, TimeReader, day_first_form

MAX_FIELDS = 2_000  # with more distinct names, the names are data and not fields
_MOST_TIMES = 20  # an object with more time values is a list of events


def load_file(
    store: Store,
    path: Path,
    stream: str,
    mapping: LoadMapping,
    progress: Progress | None = None,
    scored: Callable[[], Iterable[Scored]] = tuple,
    at: datetime | None = None,
) -> LoadReport:
    """Load the export at *path* into *stream*.

    *scored* is called once all rows are ready; it returns the arrival times that scoring has read
    by then.

    Rows that cannot be loaded are counted by reason and kept in a file in the SIEM's folder
    ``rejects``. Rows whose id the stream has already are counted and left out, so that loading an
    export again, or one that overlaps another, adds only new rows. Where the labels of known rows
    differ from what is stored, they are stored as known from *at* on, the current time; without
    *at* they are left out.

    Raises:
        ConfigError: the file does not exist, or lacks a column of *mapping*.
        DataError: the file as a whole cannot be used; nothing was loaded.
        SiemUnavailable: the disk is full, or another process keeps the stream busy.
        SiemRefused: the SIEM's own files are damaged.
    """
    export = find_export(path, mapping.strip)
    if mapping.id is None and export.shape is not None and export.shape.ids:
        mapping = replace(mapping, id="_id")
    with open_regular(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    rejects = Rejects(store.folder / "rejects" / f"{path.name}-{digest[:12]}.ndjson")
    key = stream_name(stream).encode() if mapping.id is None else None
    wanted = Wanted(columns=_columns(mapping), content=key, max_columns=MAX_FIELDS)
    with (
        rejects,
        intake(
            store,
            stream,
            generated_ids=mapping.id is None,
            source=Source(sha256=digest, name=path.name),
        ) as addition,
        _Loading(
            path,
            mapping,
            rejects,
            export.kind == "json",
            ".".join(export.shape.around) if export.shape is not None else "",
            _reader(mapping),
            CaseNames(field_names(store, stream)),
            KnownRows(addition.stored(), key, mapping.labels, _keys(mapping))
            if key is not None and mapping.fields is None and (at or mapping.labels)
            else None,
        ) as loading,
        _rows(export, wanted, rejects, progress) as batches,
    ):
        for rows in batches:
            addition.stage(loading.events(rows))
        loading.check_mapping(mapping.fields.values() if mapping.fields else ())
        loading.refuse_one_of_many()
        arrivals = Arrivals(stream, scored(), move=mapping.arrival is None)
        added = addition.commit(arrivals.of, at, mapping.labels)
        kept = rejects.keep()
    return LoadReport(
        rows=loading.staged + rejects.count,
        loaded=added.loaded,
        already_there=added.already_there,
        repeated=added.repeated,
        rejected=rejects.count,
        reasons=rejects.reasons,
        rejects=kept,
        time_formats=loading.time_formats,
        without_offset=loading.without_offset,
        clamped=loading.clamped,
        behind=arrivals.behind,
        never_scored=arrivals.behind > 0 and mapping.arrival is not None,
        id=mapping.id,
        orders=loading.orders,
        renamed=loading.names.renamed,
        labels=added.updates.labels,
        other_values=added.updates.others,
        alike=added.alike,
        time_form=form_of(loading.unread_times),
    )


@contextmanager
def _rows(
    export: Export, wanted: Wanted, rejects: Rejects, progress: Progress | None
) -> Iterator[Iterator[Rows]]:
    """The export's batches; reports progress after each."""
    if export.kind == "parquet":
        rows = ParquetRows(export.path, wanted, rejects)
        yield _told(rows, lambda: round(rows.share * export.size), export.size, progress)
        return
    with export.open() as (content, file):
        reader: RowReader
        if export.shape is None:
            kind = ZeekRows if export.kind == "zeek" else CsvRows
            reader = kind(export.path, content, wanted, rejects)
        else:
            remedy = partial(whole_again, export)
            reader = NdjsonRows(export.path, content, wanted, rejects, export.shape, remedy)
        yield _told(reader, file.tell, export.size, progress)


def _told(
    batches: RowReader,
    done: Callable[[], int],
    size: int,
    progress: Progress | None,
) -> Iterator[Rows]:
    for rows in batches:
        yield rows
        if progress is not None:
            progress(done(), size)


def _columns(mapping: LoadMapping) -> set[str] | None:
    if mapping.fields is None:
        return None
    return {*_keys(mapping), *mapping.fields.values()}


def _keys(mapping: LoadMapping) -> list[str]:
    return [name for name in (mapping.time, mapping.id, mapping.arrival) if name is not None]


@dataclass(slots=True)
class _Loading:
    """Turns rows into events, and collects what the report says."""

    path: Path
    mapping: LoadMapping
    rejects: Rejects
    json: bool
    around: str  # where one object has a list of objects
    _times: TimeReader
    names: CaseNames
    _known: KnownRows | None  # None: a column holds the ids, or only some columns are read
    staged: int = 0
    without_offset: int = 0
    clamped: int = 0
    time_formats: dict[str, int] = field(default_factory=dict)
    unread_times: list[str] = field(default_factory=list)  # some of the first times
    _several: int = 0  # number of time values in the last event
    _seen: set[str] = field(default_factory=set)  # names of all columns in the file
    # columns with dates that certainly have the day first
    _orders: dict[str, tuple[bool, bool]] = field(default_factory=dict)

    def __enter__(self) -> "_Loading":
        return self

    def __exit__(self, *_error: object) -> None:
        self._times.close()

    def events(self, rows: Rows) -> pa.Table:
        """The rows as events; rows without a time or an id are rejected."""
        self._seen.update(rows.names)
        if rows.lines:
            self.check_mapping(_keys(self.mapping), rows)
        texts = {name: firsts(_column(rows, name)) for name in _keys(self.mapping)}
        bad: dict[int, tuple[str, Fault]] = {}
        if len(rows.lines) == 1:
            self._several = len(values_of(_column(rows, self.mapping.time)[0].as_py() or ""))
        event = self._read_times(texts[self.mapping.time], self.mapping.time, bad)
        arrival = event
        if self.mapping.arrival is not None:
            arrival = self._read_times(texts[self.mapping.arrival], self.mapping.arrival, bad)
        if self.mapping.id is not None:
            ids = texts[self.mapping.id]
            no_id = pc.fill_null(pc.equal(ids, ""), True)
            bad.update(dict.fromkeys(_where(no_id), (f"no id in {self.mapping.id!r}", Fault.ID)))
        else:
            ids = pa.array(rows.content, pa.string())
            if self._known is not None:
                ids = self._known.ids(rows.columns, ids)
        for row, (reason, fault) in sorted(bad.items()):
            self.rejects.add(rows.lines[row], reason, rows.source(row), fault)
        fields = self._fields(rows)
        if KIBANA in self.time_formats:
            fields = {name: without_marks(column) for name, column in fields.items()}
        events = pa.Table.from_arrays(
            [ids, event, arrival, *fields.values()], names=[*KEYS, *fields]
        )
        if bad:
            good = [i for i in range(events.num_rows) if i not in bad]
            events = events.take(pa.array(good, pa.int64()))
        late = pc.greater(events.column(1), events.column(2))
        self.clamped += pc.sum(late).as_py() or 0
        self.staged += events.num_rows
        return clamped(events)

    def check_mapping(self, names: Iterable[str], rows: Rows | None = None) -> None:
        """Refuse a mapping with columns that no row has had so far; *rows* serve as examples."""
        for name in names:
            if name not in self._seen:
                samples = {} if rows is None else _samples(rows.columns)
                raise ConfigError(
                    f"{self.path} has no column {name!r}",
                    hint=remedy(
                        name,
                        self.mapping,
                        self._seen,
                        samples,
                        wrapped=self.json,
                        around=self.around,
                    ),
                )

    def refuse_one_of_many(self) -> None:
        """Refuse a file that is one object with a list of events: it would load as one event."""
        above, dot, _name = self.mapping.time.rpartition(".")
        if self.staged == 1 and self._several > (1 if dot else _MOST_TIMES):
            hint = "export it again, with an object for each event"
            if self.around:
                above, dot = self.around, "."
            if dot:
                use = f"--strip {above}"
                use = f"say {use} instead" if self.mapping.strip else f"add {use}"
                hint = f"{use}, and remove {above + dot!r} from the column names"
            raise DataError(
                f"{self.path} holds one object with {self._several:,} values of"
                f" {self.mapping.time!r}, which is probably a list of events",
                hint=hint,
            )

    def _read_times(
        self, texts: pa.Array, name: str, bad: dict[int, tuple[str, Fault]]
    ) -> pa.Array:
        day_first, certain = self._orders.get(name, (None, False))
        times = self._times.read(texts, day_first=day_first if certain else None)
        if times.day_first is not None:
            if day_first is not None and times.certain and times.day_first != day_first:
                form = day_first_form(texts.drop_null()[0].as_py())
                raise DataError(
                    f"{self.path} has dates in {name!r} with the day first, after more than"
                    f" {self.staged:,} rows that leave the order open",
                    hint=f"give the format of the times, for example with --time-format '{form}'",
                )
            self._orders[name] = (times.day_first, times.certain)
        for kind, count in times.formats.items():
            self.time_formats[kind] = self.time_formats.get(kind, 0) + count
        self.without_offset += times.without_offset
        early = pc.fill_null(pc.less(times.values.cast(pa.int64()), 0), False)
        absent = pc.fill_null(pc.equal(texts, ""), True)
        unread = pc.and_not(times.values.is_null(), absent)
        if name == self.mapping.time and not self.unread_times:
            self.unread_times = texts.filter(unread).slice(0, SAMPLES).to_pylist()
        for rows, reason in (
            (unread, f"no time that Scoreback can read in {name!r}"),
            (absent, f"no time in {name!r}"),
            (early, f"a time before 1970 in {name!r}"),
        ):
            bad.update(dict.fromkeys(_where(rows), (reason, Fault.TIME)))
        return times.values

    @property
    def orders(self) -> dict[str, str]:
        """Column of dates with slashes → in which order they were read."""
        return {
            name: ("day first" if day_first else "month first")
            + ("" if certain else ", as no day after the 12th tells")
            for name, (day_first, certain) in self._orders.items()
        }

    def _fields(self, rows: Rows) -> dict[str, pa.Array]:
        if self.mapping.fields is None:
            times = (self.mapping.time, self.mapping.arrival)
            left_out = {*times, *(key for key in _keys(self.mapping) if key.lower() in RESERVED)}
            for name in rows.columns:
                if name.lower() in RESERVED and name not in left_out:
                    raise self._reserved(name)
            kept = {n: column for n, column in rows.columns.items() if n not in left_out}
            return {self.names.of(name): column for name, column in kept.items()}
        for name in self.mapping.fields:
            if name.lower() in RESERVED:
                raise self._reserved(name)
        return {name: _column(rows, source) for name, source in self.mapping.fields.items()}

    def _reserved(self, name: str) -> DataError:
        """The error for a field that has the name of a reserved column."""
        options = {"event_time": "--time", "arrival_time": "--arrival", "event_id": "--id"}
        option = options.get(name)
        means = f"if that is what it holds, add {option} {name}; else " if option else ""
        return DataError(
            f"a field is called {name!r}, which is a reserved name",
            hint=f"{means}name the fields to load, and give this one another name:"
            f" --field other_name={name}",
        )


def _samples(columns: Mapping[str, pa.Array]) -> dict[str, list[str]]:
    """Some values of each column."""
    return {
        name: pc.drop_null(firsts(column.slice(0, 10 * SAMPLES))).slice(0, SAMPLES).to_pylist()
        for name, column in columns.items()
    }


def _reader(mapping: LoadMapping) -> TimeReader:
    return TimeReader(form=mapping.time_format, zone=mapping.timezone)


def _column(rows: Rows, name: str) -> pa.Array:
    """The column called *name*, all null where no row of the batch has it."""
    return rows.columns.get(name, pa.nulls(len(rows.lines), pa.string()))


def _where(rows: pa.Array) -> list[int]:
    return [int(i) for i in pc.indices_nonzero(rows).to_pylist()]
