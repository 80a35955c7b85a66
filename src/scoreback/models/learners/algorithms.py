"""The algorithms that train models, by their names in a detector file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from scoreback.models.learners.model import Lesson, Model, Range


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How an algorithm fits a model and reads one back from its file."""

    file: str
    fit: Callable[[Lesson], Model]
    from_bytes: Callable[[bytes, int], Model]  # threads; raises ValueError on anything but a model
    space: Mapping[str, Range]  # parameters that a search may set


def algorithms() -> Mapping[str, Algorithm]:
    """The algorithms by their names in a detector file."""
    from scoreback.models.learners import forests, linear, trees

    boosted = {
        "xgboost": (trees.fit_xgboost, trees.SPACE),
        "hist_gradient_boosting": (forests.fit_hist_gradient_boosting, forests.BOOSTING_SPACE),
        "random_forest": (forests.fit_random_forest, forests.FOREST_SPACE),
    }
    return {
        **{
            name: Algorithm(
                "model.ubj", fit, partial(trees.TreeModel.from_bytes, algorithm=name), space
            )
            for name, (fit, space) in boosted.items()
        },
        "logistic_regression": Algorithm(
            "linear.json",
            linear.fit_logistic_regression,
            linear.LinearModel.from_bytes,
            linear.SPACE,
        ),
    }
