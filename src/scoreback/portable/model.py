"""`PortableModel`: trees or coefficients as arrays, and the feature plan they need.

A SIEM's languages compare in double precision, the learning libraries in single. Each threshold
here is the smallest double that single precision rounds up to the model's own threshold, so that
both send every number the same way. A linear model rounds its inputs to single precision before
use.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

FORMAT = "scoreback-portable"
FORMAT_VERSION = 1
PATHS = "path contributions"  # for trees: what each question on a row's path changed
TERMS = "linear terms"
ALONE_USUAL = ", which alone is usual"  # ends a value that is no reason where there is another
HIGHEST = 3.4028234663852886e38  # largest number in single precision; larger numbers are cut to it


@dataclass(frozen=True)
class Words:
    """How a reason describes a feature's value.

    A value in ``told`` has the text given there; any other stands between ``before`` and ``after``.
    For a category, ``told[""]`` is what follows a value that it does not name: an empty text is
    missing. A usual number is followed by the words of the first of ``ranges`` (from, to, words)
    that it lies in; the last one is all that is usual.
    """

    before: str
    after: str
    missing: str
    told: Mapping[str, str]
    # decimals of a number; None: integers in full, others with four digits
    decimals: int | None = None
    ranges: Sequence[tuple[float, float, str]] = ()


@dataclass(frozen=True)
class PortableFeature:
    """One column of the model: what is computed, from which event field, and its name."""

    name: str
    kind: str
    field: str
    divisor: str | None
    take: str  # which of several numbers to use: first, min, max or sum
    vocabulary: Mapping[str, float] | None  # for a category: value → number; other values are 0
    words: Words


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees, one tree after the other. A leaf's ``left`` and ``right`` are -1.

    A known number goes left if it is below the node's threshold. ``worth`` is a leaf's value; for a
    question it is the mean of the leaves below it, weighted by the training rows that reached them.
    """

    roots: Sequence[int]
    left: Sequence[int]
    right: Sequence[int]
    feature: Sequence[int]
    threshold: Sequence[float]
    missing_left: Sequence[int]  # 0 or 1
    worth: Sequence[float]


@dataclass(frozen=True)
class Term:
    """What one feature adds in a linear model: a slope around its mean, a step where missing."""

    mean: float
    scale: float
    slope: float
    missing: float
    missing_rate: float


@dataclass(frozen=True)
class Linear:
    """The terms of a linear model, one for each feature."""

    terms: Sequence[Term]
    # in standard deviations from the mean, so that one huge value cannot outweigh all others
    farthest: float


@dataclass(frozen=True)
class PortableModel:
    """A version of a detector as plain values; ``link`` turns its log-odds into a score."""

    detector: str
    version: str
    artifact: str  # hash of the artefact that it was made from
    algorithm: str
    entity_field: str
    features: Sequence[PortableFeature]
    intercept: float
    link: str  # "logistic"
    threshold: float  # the threshold with which the version was created
    cut: float  # lowest log-odds whose score reaches the threshold, for `Scorer.alerts`
    risk_log_odds: Sequence[float]  # straight lines between these log-odds ...
    risks: Sequence[float]  # ... and risks, 0 to 100
    trees: Trees | None = None
    linear: Linear | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that contradict each other; code that reads them checks nothing.

        Raises:
            ValueError: they contradict each other.
        """
        if (self.trees is None) == (self.linear is None) or self.link != "logistic":
            raise ValueError("a portable model has either trees or terms, and a logistic link")
        width = len(self.features)
        if self.trees is not None:
            _check_trees(self.trees, width)
        if self.linear is not None and len(self.linear.terms) != width:
            raise ValueError("a linear model has one term for each feature")

    @property
    def attribution(self) -> str:
        """The method by which contributions divide up the log-odds."""
        return PATHS if self.linear is None else TERMS

    @property
    def fields(self) -> list[str]:
        """The event fields that the features read, sorted; includes event_time if it is read."""
        read = {f.field for f in self.features} | {f.divisor for f in self.features if f.divisor}
        return sorted(read)

    def as_text(self) -> str:
        """The model as JSON; the same model gives the same text on every machine."""
        content = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """The sha256 of the text, which identifies exactly this model."""
    return hashlib.sha256(text.encode()).hexdigest()


def from_text(text: str) -> PortableModel:
    """The model from a text that `PortableModel.as_text` wrote.

    Raises:
        ValueError: the text is not a model, or has a later format.
    """
    return from_content(json.loads(text))


def from_content(given: Mapping[str, Any]) -> PortableModel:
    """The model from a JSON object; see `from_text`.

    Raises:
        ValueError: the object is not a model, or has a later format.
    """
    try:
        content = dict(given)
        if content.pop("format") != FORMAT or content.pop("format_version") != FORMAT_VERSION:
            raise ValueError("it is not a portable model of this version of Scoreback")
        features = [
            PortableFeature(**{**each, "words": Words(**each["words"])})
            for each in content.pop("features")
        ]
        trees, linear = content.pop("trees"), content.pop("linear")
        return PortableModel(
            features=features,
            trees=None if trees is None else Trees(**trees),
            linear=None if linear is None else Linear(
                [Term(**term) for term in linear["terms"]], linear["farthest"]
            ),
            **content,
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it is not a portable model of this version of Scoreback") from error


def single(number: float) -> float:
    """*number* rounded to single precision, as the learning libraries see it."""
    if not -HIGHEST <= number <= HIGHEST:
        return math.nan if math.isnan(number) else math.copysign(HIGHEST, number)
    rounded: float = _SINGLE.unpack(_SINGLE.pack(number))[0]
    return rounded


_SINGLE = struct.Struct("<f")


def _check_trees(trees: Trees, width: int) -> None:
    """Check that each node is a root or an earlier node's child, and has an existing feature."""
    columns: list[Any] = [getattr(trees, each.name) for each in fields(trees)][1:]
    count = len(trees.left)
    if any(len(column) != count for column in columns) or not count:
        raise ValueError("the columns of the trees are of different lengths")
    roots = list(trees.roots)
    ends = [*roots[1:], count]
    if roots[:1] != [0] or any(end <= root for root, end in zip(roots, ends)):
        raise ValueError("the trees do not follow one another")
    for root, end in zip(roots, ends):
        for node in range(root, end):
            left, right = trees.left[node], trees.right[node]
            if left == right == -1:
                continue
            if not (node < left < end and node < right < end and 0 <= trees.feature[node] < width):
                raise ValueError("the nodes of a tree do not lead to leaves")
