"""`PortableModel`: trees or coefficients as arrays, and the feature plan they need.

A SIEM's languages compare in double precision, the learning libraries in single. A threshold here
is the smallest double that single precision rounds up to the model's own, so that both send every
number the same way. The numbers of a linear model are rounded to single precision before use.
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
PATHS = "path contributions"  # of trees: what each question on a row's way changed
TERMS = "linear terms"
ALONE_USUAL = ", which alone is usual"  # ends a value that is no reason where there is another
HIGHEST = 3.4028234663852886e38  # in single precision: a number beyond it is cut to it


@dataclass(frozen=True)
class Words:
    """How a reason tells a feature's value.

    One that ``told`` names as it says; any other between ``before`` and ``after``. Of a category
    that ``told`` does not name, what follows stands there under no name: an empty text is missing.
    What follows a number within one of ``ranges`` stands there: from, to, and the words.
    """

    before: str
    after: str
    missing: str
    told: Mapping[str, str]
    decimals: int | None = None  # of a number; None: whole, or four digits
    ranges: Sequence[tuple[float, float, str]] = ()


@dataclass(frozen=True)
class PortableFeature:
    """One column of the model: what is computed, from which event field, under which name."""

    name: str
    kind: str
    field: str
    divisor: str | None
    take: str  # which number of several: first, min, max or sum
    vocabulary: Mapping[str, float] | None  # of a category; a value that is not in it is 0
    words: Words


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees, one after the other. A leaf's ``left`` and ``right`` are -1.

    A known number goes left where it is below the node's threshold. ``worth`` is a leaf's value;
    of a question the mean of the leaves below it, by the training rows that came there.
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
    """What one feature gives to a linear model: a slope around its mean, a step where missing."""

    mean: float
    scale: float
    slope: float
    missing: float
    missing_rate: float


@dataclass(frozen=True)
class Linear:
    """The terms of a linear model, one for each feature."""

    terms: Sequence[Term]
    farthest: float  # standard deviations from the mean: one huge value must not outweigh all


@dataclass(frozen=True)
class PortableModel:
    """A version of a detector as plain values; its log-odds go to a score by ``link``."""

    detector: str
    version: str
    artifact: str  # hash of the artefact that it was made from
    algorithm: str
    entity_field: str
    features: Sequence[PortableFeature]
    intercept: float
    link: str  # "logistic"
    threshold: float  # score that the version was born with
    cut: float  # log-odds from which on scores reach it, as `Scorer.alerts` takes them
    risk_log_odds: Sequence[float]  # straight lines between these log-odds ...
    risks: Sequence[float]  # ... and risks, 0 to 100
    trees: Trees | None = None
    linear: Linear | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that contradict each other: what reads them does not look again.

        Raises:
            ValueError: they do.
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
        """The rule by which contributions share the log-odds out."""
        return PATHS if self.linear is None else TERMS

    @property
    def fields(self) -> list[str]:
        """The event fields that the features read, sorted; event_time among them if it is read."""
        read = {f.field for f in self.features} | {f.divisor for f in self.features if f.divisor}
        return sorted(read)

    def as_text(self) -> str:
        """The model as JSON: the same model gives the same text, on every machine."""
        content = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(text: str) -> str:
    """The name of exactly this text: its sha256."""
    return hashlib.sha256(text.encode()).hexdigest()


def from_text(text: str) -> PortableModel:
    """The model that `PortableModel.as_text` wrote.

    Raises:
        ValueError: the text is something else, or of a later format.
    """
    return from_content(json.loads(text))


def from_content(given: Mapping[str, Any]) -> PortableModel:
    """The model of a JSON object, as `from_text`.

    Raises:
        ValueError: the object is something else, or of a later format.
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
    """Each node is a root or the child of one before it in its tree, and asks for a feature."""
    columns: list[Any] = [getattr(trees, each.name) for each in fields(trees)][1:]
    count = len(trees.left)
    if any(len(column) != count for column in columns) or not count:
        raise ValueError("the columns of the trees are of different lengths")
    roots = list(trees.roots)
    ends = [*roots[1:], count]
    if roots[:1] != [0] or any(end <= root for root, end in zip(roots, ends)):
        raise ValueError("the trees do not follow each other")
    for root, end in zip(roots, ends):
        for node in range(root, end):
            left, right = trees.left[node], trees.right[node]
            if left == right == -1:
                continue
            if not (node < left < end and node < right < end and 0 <= trees.feature[node] < width):
                raise ValueError("the nodes of a tree do not lead to leaves")
