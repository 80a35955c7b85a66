"""The interface of trained models, and the data that they learn from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]
Floats = NDArray[np.float64]
Parameters = Mapping[str, float]  # of an algorithm, by name; all others have their defaults
Attribution = Literal["Shapley values", "path contributions", "linear terms"]
SHAPLEY: Attribution = "Shapley values"  # what a feature adds, averaged over all orders of features
PATH: Attribution = "path contributions"  # what each split on a row's way through a tree changes
TERMS: Attribution = "linear terms"  # a coefficient times the distance from the mean


Tell = Callable[[str], None]  # called with the name of the next step


def silent(_step: str) -> None:
    """Report no progress."""


class Model(Protocol):
    """A trained model: log-odds for each row, and what each feature contributes to them."""

    @property
    def algorithm(self) -> str:
        """Its name in a detector file."""
        ...

    @property
    def width(self) -> int:
        """The number of features it was trained on."""
        ...

    @property
    def rounds(self) -> int | None:
        """The number of steps that a refit should take; None if fitting decides for itself."""
        ...

    def margin(self, matrix: Matrix) -> Floats:
        """Log-odds of each row: float32 values, held in float64.

        A row has the same margin alone, in any batch, and on any number of threads.
        """
        ...

    @property
    def attribution(self) -> Attribution:
        """The method by which `contributions` divides the margin among the features."""
        ...

    def contributions(self, matrix: Matrix) -> Floats:
        """Shape (rows, features + 1): one share per feature, then the base; they sum to the margin.

        A row has the same shares alone and in any batch.
        """
        ...

    def to_bytes(self) -> bytes:
        """The content of the model's file; the same model gives the same bytes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """The input of an algorithm: fitting rows, and either later days or a number of rounds."""

    matrix: Matrix
    truth: NDArray[np.int8]  # 0 or 1
    later_matrix: Matrix | None  # labelled rows that decide when to stop; not fitted
    later_truth: NDArray[np.int8] | None
    weights: Floats | None = None  # of the fitting rows, 1 on average; None: all equal
    later_weights: Floats | None = None
    rounds: int | None = None  # of an earlier fitting, instead of later days
    seed: int
    threads: int
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a search may try for one parameter."""

    low: float
    high: float
    log: bool = False  # draw evenly over its logarithm
    whole: bool = False

    def draw(self, draw: np.random.Generator) -> float:
        """Draw one value."""
        if self.log:
            value = float(np.exp(draw.uniform(np.log(self.low), np.log(self.high))))
        else:
            value = float(draw.uniform(self.low, self.high))
        return round(value) if self.whole else round(value, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Settings for fitting every candidate of a training."""

    threads: int
    parameters: Mapping[str, Parameters] = field(default_factory=dict)  # by algorithm
    tell: Tell = silent
    weighed: bool = False  # weight rows sampled for review by one over their chance


def adding_up(shares: Floats, margin: Floats) -> Floats:
    """*shares*, the base last, with float32's rounding error against *margin* added to the base."""
    shares[:, -1] += margin - shares.sum(axis=1)
    return shares


def told(effort: Effort, tell: Tell, step: str) -> Effort:
    """*effort* that reports its smaller steps as parts of *step*."""
    return replace(effort, tell=lambda part: tell(f"{step}: {part}"))


_HIGHEST = float(np.nextafter(1.0, 0.0))


def score_of(margin: Floats) -> Floats:
    """Scores for log-odds: at least 0 and below 1, however certain the model is.

    So no score reaches a threshold of 1, and a budget holds even if many rows share the top score.
    """
    clipped = np.clip(np.ascontiguousarray(margin, dtype=np.float64), -700.0, 700.0)
    scores: Floats = np.minimum(1.0 / (1.0 + np.exp(-clipped)), _HIGHEST)
    return scores


def log_odds_of(score: Floats) -> Floats:
    """Log-odds for scores; infinite at 0 and 1."""
    with np.errstate(divide="ignore"):
        odds: Floats = np.log(score) - np.log1p(-np.asarray(score, dtype=np.float64))
    return odds
