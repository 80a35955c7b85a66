"""The usual values of each feature in the training data, which reasons compare with.

A number means nothing to an analyst who does not know how high it is on other days, and a category
little to one who does not know how often it was a true positive. Training counts both once and
stores them with the model. Categories are kept as short digests, so that the file does not list
hosts and users.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.columns import flat
from scoreback.models.detector.spec import Detector, EventFeature, WindowFeature
from scoreback.models.judging.reference import Reference
from scoreback.models.labels.dataset import is_category
from scoreback.models.labels.truths import UNKNOWN

MOST_VALUES = 1_000  # counted values of a category: the most frequent ones
_DIGEST = 8  # hex digits: with 1,000 values, one other value in four million collides with one
FEW = ("hour_of_day", "day_of_week", "is_private_ip", "matches")  # kinds with few distinct numbers
_RANGE = (0.1, 0.5, 0.9)  # eight of ten numbers lie between the outer two
_BANDS = np.arange(1, 11) / 10  # quantiles where bands of numbers end
_TO = ".."  # separates the two ends of a band in its name


class Seen(NamedTuple):
    """How often one value occurred."""

    rows: int
    labelled: int
    positives: int


class Band(NamedTuple):
    """A range of a feature's numbers that holds about a tenth of them."""

    low: float
    high: float
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """The usual values of one feature."""

    rows: int
    missing: int  # rows without a value
    low: float | None = None  # low, middle, high: the deciles 1, 5 and 9 of known numbers
    middle: float | None = None
    high: float | None = None
    # Keyed by `digest` of a category's value, by number for kinds in FEW, else by band.
    values: Mapping[str, Seen] = field(default_factory=dict)
    whole: bool = False  # whether `values` holds every value

    @property
    def known(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Norms:
    """The usual values of all features of a model."""

    unit: str  # the word for rows: events or units
    presumed: bool  # rows without a label count as negative
    labelled: int
    positives: int
    features: Mapping[str, Norm]


def norms_of(detector: Detector, rows: pa.Table, truth: NDArray[np.int8]) -> Norms:
    """Count the usual values of *detector*'s features.

    Args:
        detector: defines the features.
        rows: their columns in the training data.
        truth: each row's truth: 1, 0, or `truths.UNKNOWN`.
    """
    return Norms(
        unit="events" if detector.group is None else "units",
        presumed=detector.labels.unlabelled == "presumed_benign",
        labelled=int((truth != UNKNOWN).sum()),
        positives=int((truth == 1).sum()),
        features={f.name: _norm(f, flat(rows.column(f.name)), truth) for f in detector.features},
    )


def digest(value: str) -> str:
    """The key of a category's *value* in `Norm.values`."""
    return sha256(value.encode()).hexdigest()[:_DIGEST]


def bands_of(norm: Norm) -> list[Band]:
    """The bands of a feature's numbers, the lowest first; empty if they were not counted."""
    found = []
    for key, seen in norm.values.items():
        low, between, high = key.partition(_TO)
        if between:
            found.append(Band(float(low), float(high), seen))
    return sorted(found)


def band_of(norm: Norm, value: float) -> Band | None:
    """The band that contains *value*; None if no training event had about that number."""
    return next((band for band in bands_of(norm) if band.low <= value <= band.high), None)


def norms_from(reference: Reference) -> Norms:
    """The norms of an older artefact, which stored only a reference: medians and missing values.

    Its counts of labelled rows are 0, because nothing was counted by truth.
    """
    found = {}
    for column in reference.features:
        rows, missing, middle = sum(column.expected), column.expected[-1], column.median
        found[column.name] = Norm(
            rows=rows, missing=missing, low=middle, middle=middle, high=middle
        )
    return Norms(unit="events", presumed=False, labelled=0, positives=0, features=found)


def _norm(feature: EventFeature | WindowFeature, column: pa.Array, truth: NDArray[np.int8]) -> Norm:
    if feature.kind == "ngrams":
        return Norm(rows=len(column), missing=column.null_count)
    if is_category(feature):
        return _counted(column.cast(pa.string()), truth, digest)
    numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    known = np.isfinite(numbers)
    if feature.kind in FEW:
        texts = pc.cast(pa.array(np.where(known, numbers, 0.0).astype(np.int64)), pa.string())
        return _counted(pc.if_else(pa.array(known), texts, None), truth, str)
    present = numbers[known]
    low, middle, high = (
        np.quantile(present, _RANGE, method="inverted_cdf").tolist()
        if len(present)
        else (None, None, None)
    )
    return Norm(
        rows=len(numbers),
        missing=int((~known).sum()),
        low=low,
        middle=middle,
        high=high,
        values=_banded(present, truth[known]),
    )


def _banded(numbers: NDArray[np.float64], truth: NDArray[np.int8]) -> dict[str, Seen]:
    """How often numbers occurred, in bands of about a tenth; a frequent number may fill a band."""
    if not len(numbers):
        return {}
    order = np.argsort(numbers, kind="stable")
    numbers, truth = numbers[order], truth[order]
    ends = np.unique(np.quantile(numbers, _BANDS, method="inverted_cdf"))
    stops = np.searchsorted(numbers, ends, side="right").tolist()
    found = {}
    for start, stop, high in zip([0, *stops], stops, ends.tolist(), strict=False):
        here = truth[start:stop]
        seen = Seen(stop - start, int((here != UNKNOWN).sum()), int((here == 1).sum()))
        found[f"{float(numbers[start])!r}{_TO}{high!r}"] = seen
    return dict(sorted(found.items()))


def _counted(texts: pa.Array, truth: NDArray[np.int8], called: Callable[[str], str]) -> Norm:
    coded = texts.dictionary_encode()
    codes = pc.fill_null(coded.indices, -1).to_numpy()
    size = len(coded.dictionary)
    every, labelled, positives = (
        np.bincount(codes[(codes >= 0) & rows], minlength=size)
        for rows in (np.ones(len(truth), dtype=bool), truth != UNKNOWN, truth == 1)
    )
    values = coded.dictionary.to_pylist()
    most = sorted(range(size), key=lambda i: (-every[i], values[i]))[:MOST_VALUES]
    seen = {
        called(values[i]): Seen(int(every[i]), int(labelled[i]), int(positives[i])) for i in most
    }
    return Norm(
        rows=len(texts),
        missing=texts.null_count,
        values=dict(sorted(seen.items())),
        whole=size <= MOST_VALUES,
    )
