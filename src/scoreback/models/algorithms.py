"""Which algorithms make a model, by their names in a detector file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from scoreback.models.model import Lesson, Model


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a model is made, and read back from its file."""

    file: str
    fit: Callable[[Lesson], Model]
    from_bytes: Callable[[bytes, int], Model]  # threads; raises ValueError on anything but a model


def algorithms() -> Mapping[str, Algorithm]:
    """The algorithms by their names in a detector file."""
    from scoreback.models.forests import fit_hist_gradient_boosting, fit_random_forest
    from scoreback.models.linear import LinearModel, fit_logistic_regression
    from scoreback.models.trees import TreeModel, fit_xgboost

    trees = {
        "xgboost": fit_xgboost,
        "hist_gradient_boosting": fit_hist_gradient_boosting,
        "random_forest": fit_random_forest,
    }
    return {
        **{
            name: Algorithm("model.ubj", fit, partial(TreeModel.from_bytes, algorithm=name))
            for name, fit in trees.items()
        },
        "logistic_regression": Algorithm(
            "linear.json", fit_logistic_regression, LinearModel.from_bytes
        ),
    }
