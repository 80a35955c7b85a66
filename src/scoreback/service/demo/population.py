"""The company's machines, people and addresses."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

GROUPS = ("workstation", "developer", "server")
_SHARES = (0.5, 0.2, 0.3)
_PREFIXES = ("ws", "dev", "srv")
HOSTS = 80  # at scale 1
MIN_HOSTS = 20  # with fewer, lateral movement has nowhere to go
OUTSIDE = 700  # addresses outside the company that its machines talk to
USUAL = 8  # usual destinations of one machine, half of them inside

_GIVEN = ("ana", "ben", "chloé", "dmitri", "élise", "fatou", "guðrún", "hiro", "ines", "jürgen",
          "kofi", "łucja", "mei", "nuno", "oksana", "priya", "søren", "tomás", "由紀",
          "zoë")  # fmt: skip
_FAMILY = ("almeida", "brandt", "costa", "d'arcy", "eriksson", "fischer", "garcía",
           "horváth", "ito", "jansen", "kowalski", "lefèvre", "müller", "novák", "o'neill",
           "田中")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Population:
    """Machines, people and addresses; everything else refers to them by position."""

    hosts: tuple[str, ...]
    groups: NDArray[np.int64]  # (hosts,) positions in GROUPS
    addresses: tuple[str, ...]  # addresses of the machines, then those outside
    people: tuple[str, ...]
    owner: NDArray[np.int64]  # (hosts,) positions in people
    usual: NDArray[np.int64]  # (hosts, USUAL) positions in addresses
    activity: NDArray[np.float64]  # (hosts,) activity of each machine, 1 on average

    @classmethod
    def of(cls, seed: int, scale: float) -> Self:
        """The company of *seed*, with *scale* times `HOSTS` machines, but at least `MIN_HOSTS`."""
        rng = np.random.default_rng([seed, 1])
        count = max(MIN_HOSTS, round(HOSTS * scale))
        groups = np.searchsorted(np.cumsum(_SHARES), (np.arange(count) + 0.5) / count)
        inside = [f"10.{20 + i // 50_000}.{i // 250 % 200}.{i % 250 + 4}" for i in range(count)]
        nets = ("192.0.2", "198.51.100", "203.0.113")  # documentation ranges: addresses of nobody
        outside = [f"{nets[i // 250]}.{i % 250 + 2}" for i in range(OUTSIDE)]
        half = USUAL // 2
        usual = np.concatenate(
            [_without_repeats(rng, count, count, half),
             count + _without_repeats(rng, count, OUTSIDE, half)], axis=1,
        )  # fmt: skip
        activity = rng.gamma(8.0, 1 / 8.0, count)
        return cls(
            hosts=tuple(f"{_PREFIXES[g]}-{i:03d}" for i, g in enumerate(groups.tolist())),
            groups=groups.astype(np.int64),
            addresses=(*inside, *outside),
            people=_people(count, groups),
            owner=np.arange(count),
            usual=usual,
            activity=activity / activity.mean(),
        )


def _without_repeats(
    rng: np.random.Generator, rows: int, pool: int, size: int
) -> NDArray[np.int64]:
    """Positions below *pool*, (rows, size), none of them twice in one row."""
    start = rng.integers(0, pool, (rows, 1))
    steps = rng.integers(1, max(2, pool // size), (rows, size)).cumsum(axis=1)
    return np.asarray((start + steps) % pool, dtype=np.int64)


def _people(count: int, groups: NDArray[np.int64]) -> tuple[str, ...]:
    names = []
    for i, group in enumerate(groups.tolist()):
        if GROUPS[group] == "server":
            names.append(f"svc-{i:03d}")
            continue
        given, family = _GIVEN[i % len(_GIVEN)], _FAMILY[i // len(_GIVEN) % len(_FAMILY)]
        repeat = i // (len(_GIVEN) * len(_FAMILY))
        names.append(f"{given}.{family}{repeat or ''}")
    return tuple(names[:count])
