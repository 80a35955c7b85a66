"""What a behaviour is: how often it happens where and when, in what bursts, with what values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.service.demo.population import Population

Hours = Literal["flat", "office", "night"]
Weights = Mapping[str, float]

BYTES = {  # class of a transfer → from, to
    "tiny": (40, 300),
    "small": (300, 4_000),
    "medium": (4_000, 60_000),
    "large": (60_000, 2_000_000),
    "huge": (2_000_000, 400_000_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Spells in which one machine does much of one thing: a campaign, a scan, a roll-out."""

    per_day: float  # in a company of scale 1
    an_hour: float  # events an hour while it lasts
    hours: tuple[int, int]  # shortest and longest
    groups: Weights  # where they happen


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One thing that machines do, harmless or not."""

    name: str
    attack: bool = False
    allowed: bool = False  # what it does is what rules look for, but it may: benign positive
    rates: Weights = field(default_factory=dict)  # machine group → events a day and machine
    hours: Hours = "flat"
    bursts: Bursts | None = None
    first_day: int = 0  # it does not exist before
    usual: float = 0.9  # share that goes to the machine's usual destinations
    outside: float = 0.05  # share that goes anywhere outside; the rest goes anywhere inside
    owner: float = 0.9  # share done by the machine's own user; the rest by anybody
    values: Mapping[str, Weights]  # choice → value → weight


@dataclass(frozen=True, slots=True)
class Draws:
    """What was drawn for a day's events, before it is written out as fields."""

    population: Population
    host: NDArray[np.int64]
    user: NDArray[np.int64]
    destination: NDArray[np.int64]
    day: int
    event_time: NDArray[np.int64]  # microseconds since 1970
    attack: NDArray[np.bool_]
    codes: Mapping[str, NDArray[np.int64]]
    options: Mapping[str, tuple[str, ...]]
    rng: np.random.Generator  # for what no behaviour has a say in

    def text(self, choice: str, names: Mapping[str, str | None] | None = None) -> pa.Array:
        """The value of *choice* as a text column, written as *names* has it (None: absent)."""
        values = [names[v] if names else v for v in self.options[choice]]
        return taken(values, self.codes[choice])

    def sizes(self, choice: str) -> pa.Array:
        """Bytes of the drawn class, evenly spread in it: the class is all that they tell."""
        limits = np.array([BYTES[v] for v in self.options[choice]])[self.codes[choice]]
        return pa.array(self.rng.integers(limits[:, 0], limits[:, 1])).cast(pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A kind of event: its behaviours, and how what they draw is written out."""

    name: str
    behaviours: tuple[Behaviour, ...]
    write: Callable[[Draws], dict[str, pa.Array]]  # ECS fields, text
    shown: Callable[[Draws], NDArray[np.float64]]  # chance that the team looks at an event
    kept: frozenset[str]  # fields that blanking leaves alone
    absent: Mapping[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    # choice or "destination" → (other choice, its values in which the first is not written at all)

    def choices(self) -> tuple[str, ...]:
        """Names of what behaviours choose, in the order in which it is drawn."""
        return tuple(self.behaviours[0].values)


def taken(values: list[str | None], codes: NDArray[np.int64]) -> pa.Array:
    """``values[codes]`` as an Arrow text column."""
    return pa.array(values, pa.string()).take(pa.array(codes))
