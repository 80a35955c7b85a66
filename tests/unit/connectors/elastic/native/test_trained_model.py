"""What is written for Elasticsearch's inference scores as the service does."""

from dataclasses import replace

import numpy as np
import pytest

from scoreback.connectors.elastic.native.trained_model import trained_model
from scoreback.errors import ConfigError
from scoreback.models.portable.hard_events import hard_events
from scoreback.models.portable.making import covers_of, portable_model
from scoreback.portable.model import PortableFeature, PortableModel
from scoreback.portable.reading import number
from tests.unit.connectors.elastic.native.inference import checked, definition_of, probability
from tests.unit.models.portable.conftest import MakeArtifact, hard_artifact

__all__ = ["hard_artifact"]


def simple(model: PortableModel) -> PortableModel:
    """The same trees, but asking numbers and categories alone."""
    known = next(f for f in model.features if f.kind == "category")
    features = [
        replace(known, name=f.name, field=f"a.f{place}")
        if f.kind == "category"
        else PortableFeature(f.name, "number", f"a.f{place}", None, "first", None, f.words)
        for place, f in enumerate(model.features)
    ]
    return replace(model, features=features)


def plain_scores(model: PortableModel, documents: list[dict[str, str]]) -> list[float]:
    from scoreback.portable.reading import Column, Times
    from scoreback.portable.scorer import Scorer

    def fields(name: str) -> Column:
        return Column([each.get(name, "") for each in documents])

    nothing = [None] * len(documents)
    scorer = Scorer(model)
    features = scorer.features(fields, Times(nothing, nothing))
    return scorer.score(features, len(documents), 0.0).scores


@pytest.mark.parametrize("algorithm", ["xgboost", "random_forest", "hist_gradient_boosting"])
@pytest.mark.parametrize("compressed", [False, True])
def test_inference_scores_as_the_portable_model_does(
    hard_artifact: MakeArtifact, algorithm: str, compressed: bool
) -> None:
    artifact = hard_artifact(algorithm)
    model = simple(portable_model(artifact, "v1"))
    body = trained_model(model, covers_of(artifact), compressed=compressed)
    definition = definition_of(body)
    checked(definition)
    assert set(body["input"]["field_names"]) == {f.field for f in model.features}
    rows = 40 if algorithm == "random_forest" else 150
    events = hard_events(model, rows, seed=5)
    documents = [{k: v[0] for k, v in e.values.items() if v and v[0]} for e in events]
    expected = plain_scores(model, documents)
    numbers = {f.field for f in model.features if f.kind == "number"}
    found = [
        probability(
            definition,
            {
                name: number(text) if name in numbers else text
                for name, text in each.items()
                if name not in numbers or number(text) == number(text)
            },
        )
        for each in documents
    ]
    assert np.abs(np.array(found) - expected).max() <= 1e-6


def test_a_lost_intercept_is_seen(hard_artifact: MakeArtifact) -> None:
    artifact = hard_artifact("xgboost")
    model = simple(portable_model(artifact, "v1"))
    right = definition_of(trained_model(model, covers_of(artifact)))
    wrong = definition_of(trained_model(replace(model, intercept=0.0), covers_of(artifact)))
    assert abs(probability(right, {}) - probability(wrong, {})) > 1e-3


def test_a_feature_that_inference_cannot_compute_is_named(hard_artifact: MakeArtifact) -> None:
    artifact = hard_artifact("xgboost")
    with pytest.raises(ConfigError, match="'share' is of kind ratio"):
        trained_model(portable_model(artifact, "v1"), covers_of(artifact))


def test_coefficients_are_no_trained_model(hard_artifact: MakeArtifact) -> None:
    artifact = hard_artifact("logistic_regression")
    with pytest.raises(ConfigError, match="has no trees"):
        trained_model(portable_model(artifact, "v1"), [])
