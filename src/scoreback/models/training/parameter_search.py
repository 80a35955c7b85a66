"""Seeded random search for the parameters of each algorithm, on days before any judged one.

The drawn settings are fitted and compared on the first origin's own days: fitted on its earlier
days, ranked on its later ones. All later models use the settings found there, so no judged day
influences them, and the trials are run only once.

With few positives, a search finds settings that are good by chance, and more draws find more of
them. So the defaults stay unless the best draw ranks the later days better in nearly all resamples
of their rows: a paired bootstrap at one in ten, divided by the number of draws (Bonferroni).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.model import Floats, Lesson, Parameters, Range
from scoreback.models.learners.ranking import average_precision, share_better

LEAST_POSITIVES = 20  # on the later days; fewer cannot distinguish two settings
CHANCE = 0.1  # chance that any of the draws only seems better than the defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """The result of a search; an algorithm without an entry keeps its defaults."""

    parameters: Mapping[str, Parameters] = field(default_factory=dict)
    trials: int = 0  # fitted, over all algorithms
    note: str = ""  # why the search ended early or was left out; empty if it was complete


def search(
    lesson: Lesson,
    names: Sequence[str],
    trials: int,
    *,
    time_is_up: Callable[[], bool],
    tell: Callable[[int, str], None],
) -> Searched:
    """Try *trials* settings for each algorithm of *names* on *lesson*, in turns.

    If *time_is_up* returns true, the search ends between two fits with the results so far. A faster
    machine may then get another model from the same data; the note says so.
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
