"""What a behaviour is: where, when and how often it happens, its bursts and its field values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scoreback.service.demo.population import Population

Hours = Literal["flat", "office", "night"]
Weights = Mapping[str, float]

BYTES = {  # size class of a transfer → bytes from, to
    "tiny": (40, 300),
    "small": (300, 4_000),
    "medium": (4_000, 60_000),
    "large": (60_000, 2_000_000),
    "huge": (2_000_000, 400_000_000),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bursts:
    """Times in which one machine does a lot of one thing: a campaign, a scan, a roll-out."""

    per_day: float  # bursts a day in a company of scale 1
    an_hour: float  # events an hour while a burst lasts
    hours: tuple[int, int]  # shortest and longest duration
    groups: Weights  # machine groups where they happen


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One thing that machines do, harmless or not."""

    name: str
    attack: bool = False
    allowed: bool = False  # rules look for it, but it is permitted here: benign positive
    rates: Weights = field(default_factory=dict)  # machine group → events per day and machine
    hours: Hours = "flat"
    bursts: Bursts | None = None
    first_day: int = 0  # it does not exist before
    usual: float = 0.9  # share to the machine's usual destinations
    outside: float = 0.05  # share to anywhere outside; the rest goes to anywhere inside
    owner: float = 0.9  # share by the machine's own user; the rest by anybody
    values: Mapping[str, Weights]  # choice → value → weight


@dataclass(frozen=True, slots=True)
class Draws:
    """What was drawn for a day's events, before it becomes fields."""

    population: Population
    host: NDArray[np.int64]
    user: NDArray[np.int64]
    destination: NDArray[np.int64]
    day: int
    event_time: NDArray[np.int64]  # microseconds since 1970
    attack: NDArray[np.bool_]
    codes: Mapping[str, NDArray[np.int64]]
    options: Mapping[str, tuple[str, ...]]
    rng: np.random.Generator  # for what does not depend on behaviours

    def text(self, choice: str, names: Mapping[str, str | None] | None = None) -> pa.Array:
        """The values of *choice* as a text column, translated by *names* (None: absent)."""
        values = [names[v] if names else v for v in self.options[choice]]
        return taken(values, self.codes[choice])

    def sizes(self, choice: str) -> pa.Array:
        """Bytes, uniform within the drawn size class, so they tell no more than the class."""
        limits = np.array([BYTES[v] for v in self.options[choice]])[self.codes[choice]]
        return pa.array(self.rng.integers(limits[:, 0], limits[:, 1])).cast(pa.string())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A kind of event: its behaviours, and how their draws become fields."""

    name: str
    behaviours: tuple[Behaviour, ...]
    write: Callable[[Draws], dict[str, pa.Array]]  # ECS fields, text
    shown: Callable[[Draws], NDArray[np.float64]]  # probability that the team looks at an event
    kept: frozenset[str]  # fields that are never blanked
    absent: Mapping[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    # choice or "destination" → (another choice, values of it for which the first is not written)

    def choices(self) -> tuple[str, ...]:
        """The names of the choices, in the order in which they are drawn."""
        return tuple(self.behaviours[0].values)


def taken(values: list[str | None], codes: NDArray[np.int64]) -> pa.Array:
    """``values[codes]`` as an Arrow text column."""
    return pa.array(values, pa.string()).take(pa.array(codes))
