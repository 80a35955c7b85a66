"""Seeded random search for the parameters of each algorithm, on days before any judged one.

The settings drawn are fitted and compared on the first origin's own days: its earlier days to learn
from, its later ones to rank. What is found there is used for every model after it, so no judged day
has a say, and the search costs its trials once.

A search over few positives finds chance, and more draws find more of it. So the defaults stay
unless the best draw ranks the later days better in nearly all resamples of their rows: a paired
bootstrap at one in ten, divided by the number of draws (Bonferroni).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Floats, Lesson, Parameters, Range
from scoreback.models.learners.ranking import average_precision, share_better

LEAST_POSITIVES = 20  # on the later days; fewer cannot tell two settings apart
CHANCE = 0.1  # that any of the draws only seems better than the defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search found; an algorithm without an entry keeps its defaults."""

    parameters: Mapping[str, Parameters] = field(default_factory=dict)
    trials: int = 0  # that were fitted, over all algorithms
    note: str = ""  # why it ended early or was left out; empty when it was complete


def search(
    lesson: Lesson,
    names: Sequence[str],
    trials: int,
    *,
    time_is_up: Callable[[], bool],
    tell: Callable[[int, str], None],
) -> Searched:
    """Try *trials* settings for each algorithm of *names* on *lesson*, in turns.

    Where *time_is_up* says so, the search ends between two fits with what it has. The same data
    may then give another model on a faster machine; the note says it.
    """
    truth = lesson.later_truth
    if lesson.later_matrix is None or truth is None or int(truth.sum()) < LEAST_POSITIVES:
        found = 0 if truth is None else int(truth.sum())
        return Searched(
            note=f"no search for parameters: {found} positives on the days that would compare"
            f" settings, {LEAST_POSITIVES} needed",
        )
    tried: dict[str, list[tuple[Parameters, Floats]]] = {name: [] for name in names}
    done, note = 0, ""
    # The first turn fits the defaults.
    for turn, (place, name) in product(range(trials + 1), enumerate(names)):
        if time_is_up():
            note = (
                f"the search for parameters ended for lack of time after {done} of "
                f"{trials * len(names)} trials"
            )
            break
        tell(done, f"trial {turn} of {trials}: {name}" if turn else f"defaults of {name}")
        algorithm = algorithms()[name]
        drawn = _drawn(algorithm.space, (lesson.seed, place, turn)) if turn else {}
        model = algorithm.fit(replace(lesson, parameters=drawn))
        tried[name].append((drawn, model.margin(lesson.later_matrix)))
        done += bool(turn)
    return Searched(
        parameters=_best(tried, truth, lesson.later_weights, lesson.seed), trials=done, note=note
    )


def _drawn(space: Mapping[str, Range], seed: tuple[int, ...]) -> Parameters:
    draw = np.random.default_rng(seed)
    return {name: choices.draw(draw) for name, choices in space.items()}


def _best(
    tried: Mapping[str, Sequence[tuple[Parameters, Floats]]],
    truth: NDArray[np.int8],
    weights: Floats | None,
    seed: int,
) -> Mapping[str, Parameters]:
    found: dict[str, Parameters] = {}
    for name, settings in tried.items():
        if len(settings) < 2:
            continue
        (_, default), *drawn = settings
        parameters, margins = max(drawn, key=lambda one: average_precision(truth, one[1], weights))
        better = share_better(truth, [margins], [default], seed, weights)
        if better >= 1 - CHANCE / len(drawn):
            found[name] = parameters
    return found
