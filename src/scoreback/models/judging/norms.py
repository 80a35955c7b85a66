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


class Seen(NamedTuple):
    """How often one value came."""

    rows: int
    labelled: int
    positives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """What is usual of one feature."""

    rows: int
    missing: int  # of them
    low: float | None = None  # of known numbers the first, fifth and ninth tenth
    middle: float | None = None
    high: float | None = None
    # By digest of a category's value (see `digest`), by number of kinds in FEW.
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
    return Norm(rows=len(numbers), missing=int((~known).sum()), low=low, middle=middle, high=high)


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
