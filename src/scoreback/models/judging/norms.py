"""What is usual of each feature in the rows that a model learnt from: what reasons compare with.

A number says nothing to who does not know how high it is on other days, and a value says little to
who does not know how often it was true. Both are counted once, at training, and travel with the
model. Values of categories are kept as short digests: the file need not say which hosts and users
there are.
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

MOST_VALUES = 1_000  # of a category that are counted; the most frequent ones
_DIGEST = 8  # letters: of 1,000 values another is taken for one in a case of four million
FEW = ("hour_of_day", "day_of_week", "is_private_ip", "matches")  # kinds whose numbers are names
_RANGE = (0.1, 0.5, 0.9)  # eight of ten numbers lie between the outer two
_BANDS = np.arange(1, 11) / 10  # where bands of numbers end
_TO = ".."  # between the two ends of a band, in the name that it is kept under


class Seen(NamedTuple):
    """How often one value came."""

    rows: int
    labelled: int
    positives: int


class Band(NamedTuple):
    """Numbers next to each other, about a tenth of all."""

    low: float
    high: float
    seen: Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """What is usual of one feature."""

    rows: int
    missing: int  # of them
    low: float | None = None  # of known numbers the first, fifth and ninth tenth
    middle: float | None = None
    high: float | None = None
    # By digest of a category's value (see `digest`), by number of kinds in FEW, by band of others.
    values: Mapping[str, Seen] = field(default_factory=dict)
    whole: bool = False  # there was no other value

    @property
    def known(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Norms:
    """What is usual of all features of a model."""

    unit: str  # what a row is, in the plural: events or units
    presumed: bool  # rows without a label count as negative
    labelled: int
    positives: int
    features: Mapping[str, Norm]


def norms_of(detector: Detector, rows: pa.Table, truth: NDArray[np.int8]) -> Norms:
    """What is usual of the features of *detector*.

    Args:
        detector: whose features they are.
        rows: their columns.
        truth: of each of *rows*: 1, 0, or `truths.UNKNOWN`.
    """
    return Norms(
        unit="events" if detector.group is None else "units",
        presumed=detector.labels.unlabelled == "presumed_benign",
        labelled=int((truth != UNKNOWN).sum()),
        positives=int((truth == 1).sum()),
        features={f.name: _norm(f, flat(rows.column(f.name)), truth) for f in detector.features},
    )


def digest(value: str) -> str:
    """The name under which `Norm.values` keeps a category's *value*."""
    return sha256(value.encode()).hexdigest()[:_DIGEST]


def bands_of(norm: Norm) -> list[Band]:
    """The bands of a feature's numbers, the lowest first; none where they were not counted."""
    found = []
    for key, seen in norm.values.items():
        low, between, high = key.partition(_TO)
        if between:
            found.append(Band(float(low), float(high), seen))
    return sorted(found)


def band_of(norm: Norm, value: float) -> Band | None:
    """The band that *value* lies in; None where no event of training had about that number."""
    return next((band for band in bands_of(norm) if band.low <= value <= band.high), None)


def norms_from(reference: Reference) -> Norms:
    """What an artefact knows that was made before this was counted: medians, and what is missing.

    Its numbers of rows with a label are 0: nothing was counted by truth.
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
    """How often numbers came, in bands of about a tenth; many equal ones are a band."""
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
