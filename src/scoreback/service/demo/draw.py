"""Draws the events of a day of a stream, and the best possible score of each.

**How an event comes about.** In each cell (machine ``m``, hour ``t``) behaviour ``k`` happens as a
Poisson process of rate ``r[k, m, t]``: its usual rate at that hour plus that of the bursts that
fall into the cell. A behaviour then draws the event's choices ``x[f]``, its user ``u`` and its
destination ``d`` independently: ``p[f](x | k)``, ``p(u | k, m)``, ``p(d | k, m)``.

**The best possible score.** Rates and probabilities are known here, so the probability that the
event is an attack follows without learning. Its log-odds are

    oracle = log Σ w[k] over attacks k  -  log Σ w[k] over the rest
    w[k]   = r[k, m, t] · Π p[f](x[f] | k) · p(u | k, m) · p(d | k, m)

Given the rates (which bursts run where, which the events alone never fully reveal), events are
independent, so earlier and later events add nothing to ``r``. Blanked fields and lateness do not
depend on ``k``. Hence no score computed from the events, by whatever features and windows, ranks
better in expectation; models that learn ``r`` from bursts and rarities come near. Fields that a
kind of event does not write are left out of the product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scoreback.records import TIME
from scoreback.service.demo.behaviour import Behaviour, Bursts, Draws, Stream
from scoreback.service.demo.difficulty import Difficulty
from scoreback.service.demo.population import GROUPS, Population

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_DELAY_S = (2.0, 25.0)  # least and mean delay from an event to the SIEM, unless it is late
_LONGEST_DELAY_S = 240.0  # below the usual lag of five minutes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spell:
    """One burst: its machine, and its hours since the start, [from, to)."""

    host: int
    since: int
    until: int


Spells = Mapping[str, Sequence[Spell]]  # behaviour → its bursts


def plan_spells(
    behaviour: Behaviour, seed: int, days: int, scale: float, population: Population
) -> list[Spell]:
    """All bursts of *behaviour*; streams with the same name and plan get the same bursts."""
    plan: Bursts | None = behaviour.bursts
    if plan is None:
        return []
    weights = np.array([plan.groups.get(GROUPS[g], 0.0) for g in population.groups])
    shape = _shape(behaviour, weekend=False, difficulty=None) / 24
    spells: list[Spell] = []
    for day in range(
        behaviour.first_day, days
    ):  # one generator per day, so that more days change none of these
        rng = np.random.default_rng([seed, 2, crc32(behaviour.name.encode()), day])
        count = int(rng.poisson(plan.per_day * scale))
        hosts = rng.choice(len(weights), count, p=weights / weights.sum())
        since = day * 24 + rng.choice(24, count, p=shape)
        until = since + rng.integers(plan.hours[0], plan.hours[1] + 1, count)
        spells += map(Spell, hosts.tolist(), since.tolist(), until.tolist())
    return spells


def draw_day(
    stream: Stream,
    population: Population,
    spells: Spells,
    difficulty: Difficulty,
    *,
    seed: int,
    day: int,
    midnight_us: int,
    weekend: bool,
) -> tuple[pa.Table, pa.Table]:
    """The events of one day in order of event time, and the truth about each row.

    The truth has ``attack``, ``behaviour``, ``allowed``, ``incident`` (shared by the attacks of one
    burst), ``shown`` (probability that the team looks at it) and ``oracle``, the best possible
    score.
    """
    rng = np.random.default_rng([seed, 3, crc32(stream.name.encode()), day])
    rates, burst_ids = _rates(stream, population, spells, day, weekend, difficulty)
    cells = np.repeat(np.arange(rates[0].size), rng.poisson(rates.sum(axis=0).ravel()))
    host, hour = np.divmod(cells, 24)
    within = rng.integers(0, HOUR_US, len(cells))
    order = np.argsort(hour * HOUR_US + within, kind="stable")
    cells, host, hour, within = cells[order], host[order], hour[order], within[order]

    weights = rates.reshape(len(rates), -1)[:, cells]
    kind = _pick(weights / weights.sum(axis=0), rng)
    log_w = _log(weights)
    codes, options = {}, {}
    for choice in stream.choices():
        options[choice], table = _table(stream, choice, difficulty.blur)
        codes[choice] = _pick(table[kind].T, rng)
    for choice, code in codes.items():
        told = _written(stream, choice, codes, options)
        table = _table(stream, choice, difficulty.blur)[1]
        log_w += np.where(told, _log(table[:, code]), 0.0)
    user, log_user = _user(stream, population, host, kind, rng)
    destination, log_destination = _destination(stream, population, host, kind, rng)
    log_w += log_user
    log_w += np.where(_written(stream, "destination", codes, options), log_destination, 0.0)

    attacks = np.array([b.attack for b in stream.behaviours])
    draws = Draws(
        population=population, host=host, user=user, destination=destination, day=day,
        event_time=midnight_us + hour * HOUR_US + within, attack=attacks[kind],
        codes=codes, options=options, rng=rng,
    )  # fmt: skip
    oracle = np.logaddexp.reduce(log_w[attacks]) - np.logaddexp.reduce(log_w[~attacks])
    truth = _truth(stream, draws, kind, burst_ids[kind, cells], oracle)
    return _events(stream, draws, difficulty), truth


def _rates(
    stream: Stream,
    population: Population,
    spells: Spells,
    day: int,
    weekend: bool,
    difficulty: Difficulty,
) -> tuple[Floats, Ints]:
    """The rate of each behaviour in each cell, (behaviours, hosts, 24), and its burst."""
    shape = (len(stream.behaviours), len(population.hosts), 24)
    rates = np.zeros(shape)
    burst_ids = np.full(shape, -1, dtype=np.int64)
    for k, behaviour in enumerate(stream.behaviours):
        if day < behaviour.first_day:
            continue
        louder = difficulty.attack_rate if behaviour.attack else 1.0
        by_group = np.array([behaviour.rates.get(group, 0.0) for group in GROUPS])
        base = by_group[population.groups] * population.activity * louder
        rates[k] = base[:, None] * _shape(behaviour, weekend, difficulty) / 24
        for i, spell in enumerate(spells.get(behaviour.name, ())):
            first, last = max(spell.since - day * 24, 0), min(spell.until - day * 24, 24)
            if first < last and behaviour.bursts is not None:
                rates[k, spell.host, first:last] += behaviour.bursts.an_hour * louder
                burst_ids[k, spell.host, first:last] = i
    return rates, burst_ids.reshape(shape[0], -1)


def _shape(behaviour: Behaviour, weekend: bool, difficulty: Difficulty | None) -> Floats:
    """The hourly profile of a day, (24,), with a mean of 1 on a weekday."""
    hours = np.arange(24)
    if behaviour.hours == "flat":
        return np.ones(24)
    if behaviour.hours == "night":
        shape = 0.15 + np.exp(-(((hours - 2) / 2.0) ** 2))
        return np.asarray(shape / shape.mean())
    shape = 0.1 + np.exp(-(((hours - 13) / 4.0) ** 2))
    share = difficulty.weekend_share if weekend and difficulty else 1.0
    return np.asarray(shape / shape.mean() * share)


def _table(stream: Stream, choice: str, blur: float) -> tuple[tuple[str, ...], Floats]:
    """The values of *choice* and their blurred probabilities, (behaviours, values)."""
    values = tuple(dict.fromkeys(v for b in stream.behaviours for v in b.values[choice]))
    table = np.array(
        [[float(b.values[choice].get(v, 0.0)) for v in values] for b in stream.behaviours]
    )
    table /= table.sum(axis=1, keepdims=True)
    return values, (1 - blur) * table + blur / len(values)


def _pick(chances: Floats, rng: np.random.Generator) -> Ints:
    """One position per column of *chances*, which is (options, rows)."""
    below = rng.random(chances.shape[1]) > np.cumsum(chances, axis=0)[:-1]
    return np.asarray(below.sum(axis=0), dtype=np.int64)


def _written(
    stream: Stream,
    name: str,
    codes: Mapping[str, Ints],
    options: Mapping[str, tuple[str, ...]],
) -> NDArray[np.bool_]:
    """Which events write the field of choice *name*."""
    if name not in stream.absent:
        return np.array([True])
    other, values = stream.absent[name]
    without = np.array([v in values for v in options[other]])
    return np.asarray(~without[codes[other]])


def _user(
    stream: Stream, population: Population, host: Ints, kind: Ints, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    own = np.array([b.owner for b in stream.behaviours])
    people = len(population.people)
    anybody = rng.integers(0, people, len(host))
    user = np.where(rng.random(len(host)) < own[kind], population.owner[host], anybody)
    is_owner = user == population.owner[host]
    return user, _log(own[:, None] * is_owner + (1 - own[:, None]) / people)


def _destination(
    stream: Stream, population: Population, host: Ints, kind: Ints, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    usual = np.array([b.usual for b in stream.behaviours])[:, None]
    outside = np.array([b.outside for b in stream.behaviours])[:, None]
    inside = 1 - usual - outside
    rows, hosts, everything = len(host), len(population.hosts), len(population.addresses)
    known = population.usual[host]
    draw = rng.random(rows)
    destination = np.where(
        draw < usual[kind, 0],
        known[np.arange(rows), rng.integers(0, known.shape[1], rows)],
        np.where(
            draw < (usual + outside)[kind, 0],
            rng.integers(hosts, everything, rows),
            rng.integers(0, hosts, rows),
        ),
    )
    is_known = (known == destination[:, None]).any(axis=1)
    is_inside = destination < hosts
    anywhere = np.where(is_inside, inside / hosts, outside / (everything - hosts))
    return destination, _log(usual * is_known / known.shape[1] + anywhere)


def _truth(stream: Stream, draws: Draws, kind: Ints, burst: Ints, oracle: Floats) -> pa.Table:
    names = [b.name for b in stream.behaviours]
    attack = draws.attack
    one = np.where(burst >= 0, burst, np.arange(len(burst)))
    where = np.where(burst >= 0, "burst", f"day {draws.day}")
    incident = [
        f"{names[k]} {w} {i}" if a else None
        for k, w, i, a in zip(kind.tolist(), where.tolist(), one.tolist(), attack.tolist(),
                              strict=True)
    ]  # fmt: skip
    return pa.table(
        {
            "event_id": _ids(stream, draws),
            "attack": attack,
            "behaviour": pa.array(names).take(pa.array(kind)),
            "allowed": np.array([b.allowed for b in stream.behaviours])[kind],
            "incident": pa.array(incident, pa.string()),
            "shown": stream.shown(draws),
            "oracle": oracle,
        }
    )


def _events(stream: Stream, draws: Draws, difficulty: Difficulty) -> pa.Table:
    rng, rows = draws.rng, len(draws.host)
    shortest, mean = _DELAY_S
    delay = np.minimum(shortest + rng.exponential(mean, rows), _LONGEST_DELAY_S)
    late = rng.random(rows) < difficulty.late_share
    delay = np.where(late, 60 * rng.uniform(*difficulty.late_minutes, rows), delay)
    arrival = draws.event_time + (delay * 1e6).astype(np.int64)
    columns: dict[str, pa.Array] = {
        "event_id": _ids(stream, draws),
        "event_time": pa.array(draws.event_time, pa.int64()).cast(TIME),
        "arrival_time": pa.array(arrival, pa.int64()).cast(TIME),
    }
    for name, column in stream.write(draws).items():
        columns[name] = column
        if name not in stream.kept:
            lost, empty = rng.random(rows), pa.scalar("", pa.string())
            blank = lost < difficulty.null_share + difficulty.empty_share
            filler = pa.array(lost < difficulty.null_share)
            column = pc.if_else(pa.array(blank), empty, column)
            columns[name] = pc.if_else(filler, pa.scalar(None, pa.string()), column)
    return pa.table(columns)


def _ids(stream: Stream, draws: Draws) -> pa.Array:
    return pa.array([f"{stream.name}-{draws.day:03d}-{i:06d}" for i in range(len(draws.host))])


def _log(values: Floats) -> Floats:
    """The logarithm; minus infinity for 0, without a warning."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))
