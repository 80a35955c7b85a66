"""Event features: the part of the feature language that needs only one event.

Fields arrive as text and are cast only here, so that a feature means the same under any mapping of
the SIEM. These are missing values: an empty string, text that is not a number where the feature
needs one (`FeatureRows.uncast` counts them), NaN and the infinities. A missing value is null, never
zero. `scoreback.models.features.several_values` defines how a field with several values is read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Self

import duckdb
import pyarrow as pa

from scoreback.columns import flat
from scoreback.engine import open_engine
from scoreback.models.detector.features import TAKING_KINDS
from scoreback.models.detector.spec import Detector, EventFeature, WindowFeature
from scoreback.models.features.passes import Read, count_empty, is_number, passed
from scoreback.models.features.several_values import FIRST, SET, TEXT, VALUES, FieldReader
from scoreback.records import EventBatch
from scoreback.sql import identifier, literal

TEXT_LIMIT = 4096  # characters that entropy and ngrams look at: bounds a 1 MB command line
_MEMORY_LIMIT = "1GB"

# How each kind reads a field with several values; all others read texts, or take a number.
_READINGS = {"category": SET, "hour_of_day": FIRST, "day_of_week": FIRST, "is_private_ip": FIRST}


@dataclass(frozen=True, slots=True)
class FeaturePlan:
    """The features of a detector, in the order of the file: one column each."""

    features: tuple[EventFeature | WindowFeature, ...]
    lag: timedelta  # for units of events also the width of their window: a unit closes after both

    @classmethod
    def of(cls, detector: Detector) -> Self:
        """The plan of *detector*."""
        group = detector.group
        lag = detector.lag if group is None else detector.lag + group.every
        return cls(tuple(detector.features), lag)

    @property
    def event_features(self) -> tuple[EventFeature, ...]:
        """Features that need only the event itself."""
        return tuple(f for f in self.features if isinstance(f, EventFeature))

    @property
    def window_features(self) -> tuple[WindowFeature, ...]:
        """Features over earlier events."""
        return tuple(f for f in self.features if isinstance(f, WindowFeature))

    @property
    def fields(self) -> tuple[str, ...]:
        """Event fields that the features read, sorted; the two times are not among them."""
        found: set[str] = set()
        for feature in self.features:
            if isinstance(feature, WindowFeature):
                found.update(feature.by)
            elif feature.divisor:
                found.add(feature.divisor)
            if feature.field:
                found.add(feature.field)
        return tuple(sorted(found - {"event_time", "arrival_time"}))

    @property
    def numbers(self) -> frozenset[str]:
        """The event fields that all features read only as a number."""
        texts: set[str] = set()
        numbers: set[str] = set()
        for feature in self.features:
            read = {feature.field, getattr(feature, "divisor", None)} - {None}
            numeric = isinstance(feature, EventFeature) and feature.kind in ("number", "ratio")
            (numbers if numeric else texts).update(map(str, read))
            if isinstance(feature, WindowFeature):
                texts.update(feature.by)
        return frozenset(numbers - texts - {"event_time", "arrival_time"})


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Feature columns of some events, and how many values could not be read."""

    table: pa.Table
    uncast: Mapping[str, int]  # feature → number of values present but unreadable


class EventFeatures:
    """Computes event features of batches; holds one in-memory engine for all of them."""

    def __init__(self, plan: FeaturePlan, *, threads: int = 1) -> None:
        """Prepare to compute every event feature of *plan*."""
        self._features = plan.event_features
        self._threads = threads

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        """The engine, opened for the first feature that needs a query."""
        return open_engine(_MEMORY_LIMIT, threads=self._threads)

    def rows(self, events: EventBatch) -> FeatureRows:
        """One column per event feature of *events*, in their order.

        Numbers are float64, categories text. ``uncast`` counts the values that a field held but
        the feature could not read.
        """
        if not self._features:
            return FeatureRows(pa.table({}), {})
        columns = self._columns(events.batch)
        names = [f.name for f in self._features]
        uncast = {name: count for name, count in _uncast(self._features, events, columns) if count}
        return FeatureRows(pa.table(columns, names=names), uncast)

    def _columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        """A column for each feature; one query computes all those that have no pass."""
        reader = FieldReader(batch)
        read = [_read_by(feature, reader) for feature in self._features]
        batch = reader.batch
        found = {i: passed(feature, batch) for i, feature in enumerate(read)}
        asked = tuple(f"{_expression(read[i], batch)} AS f{i}"
                      for i, column in found.items() if column is None)  # fmt: skip
        if asked:
            query = f"SELECT {', '.join(asked)} FROM batch"  # noqa: S608 - names are quoted below
            table = self._engine.sql(query).to_arrow_table().combine_chunks()
            found |= {int(name[1:]): flat(table.column(name)) for name in table.column_names}
        return [found[i] for i in range(len(found))]

    def close(self) -> None:
        """Close the engine."""
        if "_engine" in self.__dict__:
            self._engine.close()


def _read_by(feature: EventFeature, reader: FieldReader) -> Read:
    """*feature* with its fields replaced by the columns that it reads in this batch."""
    reading = _READINGS.get(feature.kind, TEXT)
    if feature.kind in TAKING_KINDS:
        reading = FIRST if feature.take == "first" else VALUES
    divisor = feature.divisor and reader.column(feature.divisor, reading)
    return Read(
        feature.kind, reader.column(feature.field, reading), divisor, feature.pattern, feature.take
    )


def _text(field: str) -> str:
    return f"nullif({identifier(field)}, '')"


def number_of(field: str, batch: pa.RecordBatch, take: str) -> str:
    """SQL for the number in column *field* of *batch*; *take* reduces lists to one number."""
    cast = f"TRY_CAST({_text(field)} AS DOUBLE)"
    kind = batch.schema.field(field).type
    if kind == pa.float64():
        cast = identifier(field)
    elif pa.types.is_list(kind):
        numbers = f"list_transform({identifier(field)}, lambda one: TRY_CAST(one AS DOUBLE))"
        cast = f"list_{take}(list_filter({numbers}, lambda one: isfinite(one)))"
    return f"CASE WHEN isfinite({cast}) THEN {cast} END"


def _expression(feature: Read, batch: pa.RecordBatch) -> str:
    text = _text(feature.field)
    match feature.kind:
        case "ngrams":
            return f"left({text}, {TEXT_LIMIT})"
        case "number":
            return number_of(feature.field, batch, feature.take)
        case "entropy":
            return f"list_entropy(string_split(left({text}, {TEXT_LIMIT}), ''))"
        case "matches":
            return f"regexp_matches({text}, {literal(feature.pattern or '')})::INT::DOUBLE"
        case "ratio":
            names = (feature.field, feature.divisor or "")
            above, below = (number_of(name, batch, feature.take) for name in names)
            return f"{above} / nullif({below}, 0)"
        case "hour_of_day":
            return f"hour(TRY_CAST({text} AS TIMESTAMPTZ))::DOUBLE"
        case "day_of_week":
            return f"isodow(TRY_CAST({text} AS TIMESTAMPTZ))::DOUBLE"
    raise ValueError(f"no feature is of kind {feature.kind!r}")


def _uncast(
    features: tuple[EventFeature, ...], events: EventBatch, columns: list[pa.Array]
) -> Iterator[tuple[str, int]]:
    names = events.batch.schema.names
    for feature, column in zip(features, columns, strict=True):
        if feature.kind in ("number", "hour_of_day", "day_of_week", "is_private_ip"):
            if feature.field not in names or feature.field in ("event_time", "arrival_time"):
                continue
            given = events.batch.column(feature.field)
            empty = 0 if is_number(feature.field, events.batch) else count_empty(given)
            yield feature.name, column.null_count - given.null_count - empty
