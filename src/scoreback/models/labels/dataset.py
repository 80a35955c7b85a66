"""Feature rows joined with the labels known at a moment: the data that training may use."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.errors import DataError
from scoreback.models.detector.spec import Detector, EventFeature, WindowFeature
from scoreback.models.labels.selection import weights_of
from scoreback.models.labels.truths import NO_VERDICT, UNKNOWN, Truths, truths_as_of
from scoreback.records import TIME
from scoreback.suppression import DAY_US
from scoreback.times import micros, moment

TEXT_KINDS = ("category", "ngrams")  # features whose column holds text
QUEUE = "today_queue"  # optional column: the number that `train.today_queue` names, as text
HOLD_OUT = "hold_out"  # optional column: the value that `split.hold_out` groups by
FIRST_EVENT = "first_event"  # optional column: the time of a unit's first event, µs
_IDENTITY = ("event_id", "event_time", "arrival_time", "entity")

Mask = NDArray[np.bool_]


def day_of(us: int) -> str:
    """The UTC day of a moment in µs, such as 2026-11-23."""
    return moment(us).date().isoformat()


def is_category(feature: EventFeature | WindowFeature) -> bool:
    """Whether each of the feature's values is learnt separately."""
    return feature.kind == "category"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Feature rows in order of event time, then event id; another order gives another model."""

    features: pa.Table  # one column per feature, as computed
    event_ids: pa.Array
    times: NDArray[np.int64]  # event time, microseconds
    firsts: NDArray[np.int64]  # time of a group's first event; else the event time itself
    arrivals: NDArray[np.int64]
    entities: NDArray[np.int64]  # indices into `entity_names`; -1 where absent
    entity_names: pa.Array
    hold_out: pa.Array | None
    # What analysts sort by today; -inf where it is not a number, None if it never is.
    queue: NDArray[np.float64] | None
    repeated: int  # rows left out because an earlier row has the same event id

    @classmethod
    def of(cls, rows: pa.Table, detector: Detector) -> Self:
        """*rows* checked against the plan of *detector*, sorted, each event once.

        Raises:
            DataError: a column is missing or of the wrong kind.
        """
        columns = feature_columns(rows, detector.features)
        for name in _IDENTITY:
            if name not in rows.column_names:
                raise DataError(
                    f"feature rows of detector {detector.name!r} lack the column {name!r}",
                    hint="compute the rows again with the detector file as it is now",
                )
        order = pc.sort_indices(
            rows.select(["event_time", "event_id"]),
            sort_keys=[("event_time", "ascending"), ("event_id", "ascending")],
        )
        ids = flat(rows.column("event_id")).take(order)
        codes = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        first = np.zeros(len(ids), dtype=bool)
        first[np.unique(codes, return_index=True)[1]] = True
        order = order.filter(pa.array(first))
        entities = flat(rows.column("entity")).take(order).dictionary_encode()
        times = _microseconds(rows.column("event_time").take(order))
        held = flat(rows.column(HOLD_OUT)).take(order) if HOLD_OUT in rows.column_names else None
        return cls(
            features=columns.take(order).combine_chunks(),
            event_ids=ids.filter(pa.array(first)),
            times=times,
            firsts=_firsts(rows, order, times),
            arrivals=_microseconds(rows.column("arrival_time").take(order)),
            entities=pc.fill_null(entities.indices, -1).to_numpy().astype(np.int64),
            entity_names=entities.dictionary,
            hold_out=held,
            queue=_queue(rows, order) if QUEUE in rows.column_names else None,
            repeated=int(len(first) - first.sum()),
        )

    @property
    def entity_column(self) -> pa.Array:
        """The entity of each unit as text; null where absent."""
        return self.entity_names.take(pa.array(self.entities, mask=self.entities < 0))

    def __len__(self) -> int:
        """The number of units."""
        return len(self.times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was known about each row of a `Dataset` at a moment."""

    at: datetime
    usable: Mask  # rows that had arrived, within `train.history`, and were mature
    truth: NDArray[np.int8]  # 1, 0, or UNKNOWN; UNKNOWN for all rows that are not usable
    verdicts: NDArray[np.int8]  # codes of `truths`; NO_VERDICT also where the truth is presumed
    immature: int
    immature_days: tuple[str, ...]
    too_old: int
    truths: Truths
    # How many units each row stands for, because some were sampled; None if none were.
    weights: NDArray[np.float64] | None = None

    @property
    def labelled(self) -> Mask:
        """Rows that training can learn from."""
        return np.asarray(self.truth != UNKNOWN)

    @property
    def positives(self) -> int:
        """Usable rows whose truth is positive."""
        return int((self.truth == 1).sum())

    @property
    def negatives(self) -> int:
        """Usable rows whose truth is negative, including presumed ones."""
        return int((self.truth == 0).sum())


def known_at(data: Dataset, labels: pa.Table, detector: Detector, at: datetime) -> Known:
    """Join *data* with the labels that existed at *at*; rows not yet mature then are unusable."""
    truths = truths_as_of(labels, detector, at)
    now = micros(at)
    mature = micros(at - detector.labels.mature_after)
    oldest = micros(at - detector.train.history)
    arrived = (data.arrivals <= now) & (data.times <= now)
    young = arrived & (data.times > mature)
    usable = arrived & ~young & (data.times >= oldest)
    index = pc.index_in(data.event_ids, value_set=truths.event_ids)
    place = pc.fill_null(index, len(truths.event_ids)).to_numpy()
    truth = np.append(truths.truth, np.int8(UNKNOWN))[place]
    verdicts = np.append(truths.verdicts, np.int8(NO_VERDICT))[place]
    if detector.labels.unlabelled == "presumed_benign":
        truth = np.where(verdicts == NO_VERDICT, np.int8(0), truth)
    days = np.unique(data.times[young] // DAY_US)
    return Known(
        at=at,
        usable=usable,
        truth=np.where(usable, truth, np.int8(UNKNOWN)),
        verdicts=np.where(usable, verdicts, np.int8(NO_VERDICT)),
        immature=int(young.sum()),
        immature_days=tuple(day_of(int(day) * DAY_US) for day in days),
        too_old=int((arrived & (data.times < oldest)).sum()),
        truths=truths,
        weights=weights_of(data.event_ids, labels, detector.name, at),
    )


def once_a_day(data: Dataset, truth: NDArray[np.int8], among: Mask) -> Mask:
    """*among* without repeats: equal feature rows with equal truth count once in a UTC day.

    The first one is kept. Rows are compared by a 64-bit hash: among a million rows of one training,
    the chance that any two different rows collide is below one in ten million.
    """
    rows = np.flatnonzero(among)
    digest = _mixed(np.zeros(len(rows), dtype=np.uint64), (data.times[rows] // DAY_US))
    digest = _mixed(digest, truth[rows].astype(np.int64))
    digest = _mixed(digest, row_digests(data, among).view(np.int64))
    kept = np.zeros(len(among), dtype=bool)
    kept[rows[np.unique(digest, return_index=True)[1]]] = True
    return kept


def row_digests(data: Dataset, among: Mask) -> NDArray[np.uint64]:
    """A hash of each row of *among*; rows with equal features have equal hashes."""
    rows = np.flatnonzero(among)
    digest = np.zeros(len(rows), dtype=np.uint64)
    for column in data.features.columns:
        digest = _mixed(digest, _bits(flat(column))[rows])
    return digest


def row_hash(data: Dataset, truth: NDArray[np.int8], among: Mask) -> str:
    """sha256 over the rows of *among*: ids, times, truth and every feature, in order."""
    digest = hashlib.sha256()
    chosen = pa.array(among)
    digest.update(np.ascontiguousarray(data.times[among]).tobytes())
    digest.update(np.ascontiguousarray(truth[among]).tobytes())
    named = [("event_id", data.event_ids)]
    named += [(n, flat(data.features.column(n))) for n in data.features.column_names]
    for name, column in named:
        digest.update(name.encode() + b"\0")
        values = column.filter(chosen)
        if pa.types.is_string(values.type):
            lengths = pc.fill_null(pc.cast(pc.binary_length(values), pa.int64()), -1)
            digest.update(lengths.to_numpy().tobytes())
            digest.update("".join(pc.fill_null(values, "").to_pylist()).encode())
        else:
            digest.update(_bits(values).tobytes())
    return digest.hexdigest()


def feature_columns(rows: pa.Table, features: Sequence[EventFeature | WindowFeature]) -> pa.Table:
    """The feature columns of *rows* in the order of the plan: float64, or text for categories.

    Raises:
        DataError: a feature is missing, duplicated or of the wrong kind.
    """
    columns = []
    for feature in features:
        found = rows.schema.get_all_field_indices(feature.name)
        if not found:
            raise DataError(
                f"feature rows lack the feature {feature.name!r}",
                hint="compute the rows with the feature plan of this model",
            )
        column = rows.column(found[-1])  # features come last; a field may share the name
        wanted = pa.string() if feature.kind in TEXT_KINDS else pa.float64()
        try:
            columns.append(column if column.type == wanted else column.cast(wanted))
        except pa.ArrowInvalid as error:
            raise DataError(
                f"feature {feature.name!r} is {column.type}, not {wanted}",
                hint="compute the rows with the feature plan of this model",
            ) from error
    return pa.table(columns, names=[f.name for f in features])


def _queue(rows: pa.Table, order: pa.Array) -> NDArray[np.float64] | None:
    coded = flat(rows.column(QUEUE)).take(order).dictionary_encode()
    numbers = np.array([*map(_number, coded.dictionary.to_pylist()), -np.inf])
    if np.isneginf(numbers).all():
        return None
    found: NDArray[np.float64] = numbers[pc.fill_null(coded.indices, -1).to_numpy()]
    return found


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return -np.inf
    return -np.inf if np.isnan(number) else number


def _firsts(rows: pa.Table, order: pa.Array, times: NDArray[np.int64]) -> NDArray[np.int64]:
    if FIRST_EVENT not in rows.column_names:
        return times
    return np.asarray(flat(rows.column(FIRST_EVENT).take(order)).to_numpy(), dtype=np.int64)


def _microseconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(flat(column).cast(TIME).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _bits(column: pa.Array) -> NDArray[np.int64]:
    """An integer for each value, equal for equal values; missing counts as one value."""
    if pa.types.is_string(column.type):
        codes = column.dictionary_encode().indices
        return np.asarray(pc.fill_null(codes, -1).to_numpy(), dtype=np.int64)
    numbers = pc.fill_null(column, float("nan")).to_numpy() + 0.0  # -0.0 becomes 0.0
    numbers[np.isnan(numbers)] = np.nan  # one bit pattern for every NaN
    return np.asarray(numbers.view(np.int64))


def _mixed(digest: NDArray[np.uint64], values: NDArray[np.int64]) -> NDArray[np.uint64]:
    """One round of splitmix64 over the digest so far and *values*."""
    with np.errstate(over="ignore"):
        z = (digest ^ values.view(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: NDArray[np.uint64] = z ^ (z >> np.uint64(31))
    return mixed
