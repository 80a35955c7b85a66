"""The pipeline's scripts say what the service says, by Painless as OpenSearch's node has it.

It is the language of Elasticsearch 7.10; that Elasticsearch's own node says the same has not been
seen, as its Painless is not published.
"""

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.native.packing import Times
from scoreback.deployment import DetectorNeeds, ModelResource
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.portable.making import portable_model
from scoreback.models.portable.parity import (
    NativeScorer,
    NativeScores,
    require_parity,
)
from scoreback.portable.model import PortableModel
from tests.unit.models.portable.conftest import MakeArtifact, hard_artifact

pytestmark = pytest.mark.server
__all__ = ["hard_artifact"]
TIMES = Times("@timestamp", "event.ingested")
SELECTION = {"index": "no-such-index-*"}


def needs_of(model: PortableModel, **selection: str) -> DetectorNeeds:
    return DetectorNeeds(
        detector=model.detector,
        version=model.version,
        entity_field=model.entity_field,
        selection=SELECTION | selection,
        enriches=frozenset(),
        model=model,
    )


def pipeline_of(siem: ElasticConnector, model: PortableModel) -> ModelResource:
    (found,) = siem.resources.of_detector(needs_of(model))
    assert isinstance(found, ModelResource)
    return found


def native(siem: ElasticConnector, wanted: ModelResource) -> NativeScorer:
    def score(events: object, threshold: float, cut: float) -> NativeScores:
        assert siem.native is not None
        found = siem.native.tried(wanted, events, threshold, cut)  # type: ignore[arg-type]
        assert found is not None
        return NativeScores(*found)

    return score


@pytest.mark.parametrize("algorithm", algorithms())
def test_hard_events_score_and_alert_as_in_the_service(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact, algorithm: str
) -> None:
    artifact = hard_artifact(algorithm)
    model = portable_model(artifact, "v1-abc")
    wanted = pipeline_of(opensearch, model)
    rows = 10_000 if algorithm == "xgboost" else 2_500
    seen = require_parity(artifact, model, native(opensearch, wanted), rows=rows)
    assert seen.farthest <= 1e-6
    assert seen.ties > 1
