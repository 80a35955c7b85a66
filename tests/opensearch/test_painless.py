"""The pipeline's scripts say what the service says, by Painless as OpenSearch's node has it.

It is the language of Elasticsearch 7.10; that Elasticsearch's own node says the same has not been
seen, as its Painless is not published.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xgboost as xgb

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.native.packing import Times, scripts
from scoreback.connectors.elastic.native.pipelines import PipelineNames
from scoreback.connectors.elastic.native.source import LIMIT
from scoreback.connectors.elastic.native.trial import document
from scoreback.connectors.json.flatten import flattened, parsed
from scoreback.deployment import MODEL, DetectorNeeds, ModelResource, NativePoint, Standing
from scoreback.errors import SiemRefused
from scoreback.models.artifact.folder import Artifact
from scoreback.models.learners.algorithms import algorithms
from scoreback.models.learners.trees import TreeModel
from scoreback.models.portable.hard_events import RawEvent, hard_events
from scoreback.models.portable.making import portable_model
from scoreback.models.portable.parity import (
    NativeScorer,
    NativeScores,
    ParityBroken,
    require_parity,
    service_scores,
)
from scoreback.models.portable.thresholds import cut_of
from scoreback.multivalue import values_of
from scoreback.portable.model import PortableModel
from scoreback.times import micros
from tests.elasticsearch.connection import connected as at_node
from tests.elasticsearch.direct import make
from tests.unit.models.portable.conftest import MakeArtifact, feature, hard_artifact

pytestmark = pytest.mark.server
__all__ = ["hard_artifact"]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
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
    rows = 10_000 if algorithm == "xgboost" else 1_500
    seen = require_parity(artifact, model, native(opensearch, wanted), rows=rows)
    assert seen.farthest <= 1e-6
    assert seen.ties > 1


def test_no_script_is_longer_than_it_may_be(hard_artifact: MakeArtifact) -> None:
    for algorithm in algorithms():
        model = portable_model(hard_artifact(algorithm), "v1")
        assert all(len(each.source) <= LIMIT for each in scripts(model, TIMES))


def test_what_a_model_says_is_in_no_source(hard_artifact: MakeArtifact) -> None:
    model = portable_model(hard_artifact("xgboost"), "v1")
    nasty = "'); ctx.clear(); //{{x}}\\"
    features = [
        replace(f, name=nasty, field=nasty, vocabulary={nasty: 1.0} if f.vocabulary else None)
        if f.kind in ("number", "category", "length")
        else f
        for f in model.features
    ]
    changed = replace(model, features=features, entity_field=nasty)
    sources = [each.source for each in scripts(model, TIMES)]
    assert [each.source for each in scripts(changed, TIMES)] == sources


def test_the_gate_sees_a_lost_intercept(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    wrong = pipeline_of(opensearch, replace(model, intercept=0.0))
    with pytest.raises(ParityBroken, match="was not put into the SIEM"):
        require_parity(artifact, model, native(opensearch, wrong), rows=500)


def test_the_gate_sees_thresholds_in_single_precision(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    assert isinstance(artifact.model, TreeModel)
    assert model.trees is not None
    stored = artifact.model.nodes.threshold.astype(float)
    in_single = np.where(np.isfinite(stored), stored, model.trees.threshold).tolist()
    wrong = replace(model, trees=replace(model.trees, threshold=in_single))
    scorer = native(opensearch, pipeline_of(opensearch, wrong))
    with pytest.raises(ParityBroken, match="scores"):
        require_parity(artifact, model, scorer, rows=2_000)


def test_events_are_scored_as_they_are_stored(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    """What is read back from the index is what the service would read, and it scores the same."""
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    events = hard_events(model, 400, 3)
    with deployed(opensearch, model, threshold=0.5) as name:
        documents = [document(event, n, TIMES) for n, event in enumerate(events)]
        kept = indexed(opensearch, name, documents)
    expected = service_scores(artifact, [as_read(each, model) for each in kept])
    told = [each["scoreback"] for each in kept]
    assert np.abs(expected - [each["score"] for each in told]).max() <= 1e-6
    assert [each["alert"] for each in told] == (expected >= 0.5).tolist()
    assert {each["version"] for each in told} == {"v1"}
    assert {each["threshold"] for each in told} == {0.5}


MANY_WAYS: list[dict[str, Any]] = [
    {"network": [{"bytes": 5}, {"bytes": "7"}], "network.bytes": 0.3},
    {"network": [[{"packets": 2}], {"packets": [1, [9, ""]]}], "network.bytes": []},
    {"url": [{"path": "/a"}, {"path": ["/b", ["/c", None]]}], "url.path": ["", "/d"]},
    {"url": {"path": {"deeper": 1}}, "source": "a text", "rule": [{"id": None}, {"id": "a"}]},
    {"url": {"path": ""}, "source": [{"ip": []}, {"ip": "10.0.0.1"}], "rule": [1, "b", {}]},
]


def test_fields_are_found_however_an_event_holds_them(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    artifact = hard_artifact("xgboost")
    model = portable_model(artifact, "v1")
    times = {"@timestamp": "2026-03-01T05:00:00Z", "event.ingested": "2026-03-01T06:00:00Z"}
    with deployed(opensearch, model, threshold=0.5) as name:
        kept = indexed(opensearch, name, [times | each for each in MANY_WAYS])
    read = [as_read(times | each, model) for each in MANY_WAYS]
    assert read[0].values["network.bytes"] == ["0.3", "5", "7"]
    scores = [each["scoreback"]["score"] for each in kept]
    assert len(set(scores)) > 3
    assert np.abs(service_scores(artifact, read) - scores).max() <= 1e-6


def as_read(source: dict[str, Any], model: PortableModel) -> RawEvent:
    """A stored document as the service reads it."""
    flat = flattened(parsed(json.dumps(source)))
    return RawEvent(
        {f: values_of(flat[f]) for f in model.fields if f in flat},
        _micros(flat["@timestamp"]),
        _micros(flat["event.ingested"]),
    )


def _micros(text: str) -> int:
    return micros(datetime.fromisoformat(text.replace("Z", "+00:00")))


@contextmanager
def deployed(siem: ElasticConnector, model: PortableModel, *, threshold: float) -> Iterator[str]:
    """The name of a detector's pipeline that scores by *model*."""
    siem.resources.apply(pipeline_of(siem, model))
    assert siem.native is not None
    siem.native.put_in_force(point_of(model, threshold))
    yield PipelineNames(siem.given.namespace).of_detector(model.detector)


def point_of(model: PortableModel, threshold: float) -> NativePoint:
    return NativePoint(
        detector=model.detector, entity_field="source.ip", version=model.version, digest="d",
        threshold=threshold, cut=cut_of(threshold), updated_at=NOW,
    )  # fmt: skip


def indexed(
    siem: ElasticConnector, pipeline: str, documents: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """*documents* after they went through *pipeline* into an index."""
    index = f"events-{siem.given.namespace}"
    dynamic = {"mappings": {"dynamic": False}}
    siem.client.call("PUT", f"/{index}", dynamic, absent=(400,))
    lines = "".join(
        f'{{"index":{{"_id":"{n}"}}}}\n{json.dumps(each)}\n' for n, each in enumerate(documents)
    )
    answer = siem.client.send(
        "POST", f"/{index}/_bulk", lines.encode(), content="application/x-ndjson",
        params={"pipeline": pipeline, "refresh": True},
    )  # fmt: skip
    assert not answer.json["errors"], answer.body[:500]
    found = siem.client.call("POST", f"/{index}/_search", {"size": len(documents)})
    hits = {int(hit["_id"]): hit["_source"] for hit in found["hits"]["hits"]}
    siem.client.call("DELETE", f"/{index}")
    return [hits[n] for n in range(len(documents))]


def test_an_event_that_cannot_be_scored_is_kept_and_marked(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("xgboost"), "v1")
    claims = {"scoreback": {"score": 1.0, "alert": True, "mine": 1}}
    with deployed(opensearch, model, threshold=0.5) as name:
        (kept,) = indexed(opensearch, name, [{"@timestamp": "the day before T", **claims}])
    assert kept["@timestamp"] == "the day before T"
    told = kept["scoreback"]
    assert told["error"].startswith("the pipeline failed")
    assert (told["detector"], told["mine"]) == ("hard", 1)
    assert "alert" not in told
    assert "_scoreback" not in kept


def test_a_field_of_our_name_that_is_no_object_stays_as_it_is(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("xgboost"), "v1")
    event = {"@timestamp": "2026-03-01T00:00:00Z", "scoreback": "a text"}
    with deployed(opensearch, model, threshold=0.5) as name:
        assert indexed(opensearch, name, [event]) == [event]


def test_each_of_two_detectors_leaves_its_score(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    one = portable_model(hard_artifact("xgboost"), "v1")
    other = replace(portable_model(hard_artifact("logistic_regression"), "v2"), detector="other")
    event = {"@timestamp": "2026-03-01T00:00:00Z", "url": {"path": "/a"}}
    with (
        deployed(opensearch, one, threshold=0.0) as first,
        deployed(opensearch, other, threshold=1.0) as second,
    ):
        both = f"both-{opensearch.given.namespace}"
        calls = [{"pipeline": {"name": name, "ignore_failure": True}} for name in (first, second)]
        opensearch.client.call("PUT", f"/_ingest/pipeline/{both}", {"processors": calls})
        (kept,) = indexed(opensearch, both, [event])
        opensearch.client.call("DELETE", f"/_ingest/pipeline/{both}")
    told = kept["scoreback"]
    assert (told["detector"], told["alert"]) == ("other", False)
    assert told["detectors"]["hard"]["alert"] is True
    assert told["detectors"]["other"]["version"] == "v2"


def test_what_is_in_force_is_read_back_unless_somebody_edited_it(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("xgboost"), "v1")
    door = opensearch.native
    assert door is not None
    assert door.in_force() == {}
    with deployed(opensearch, model, threshold=0.1 + 0.2) as name:
        assert door.in_force() == {"hard": point_of(model, 0.1 + 0.2)}
        path = f"/_ingest/pipeline/{name}"
        body = opensearch.client.call("GET", path)[name]
        body["processors"][0]["set"]["value"]["cut"] = 1e9
        opensearch.client.call("PUT", path, body)
        assert door.in_force() == {}
        why = replace(point_of(model, 1.0), why="it looks back")
        door.put_in_force(why)
        assert door.in_force()["hard"].why == "it looks back"
        assert indexed(opensearch, name, [{"a": 1}]) == [{"a": 1}]


def test_a_pipeline_of_a_model_tells_who_changed_it(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("logistic_regression"), "v1")
    wanted, door = pipeline_of(opensearch, model), opensearch.resources
    path = f"/_ingest/pipeline/{wanted.name}"
    assert door.standing(wanted).standing == Standing.ABSENT
    door.apply(wanted)
    assert door.standing(wanted).standing == Standing.CURRENT
    door.apply(pipeline_of(opensearch, replace(model, intercept=1.0)))
    assert door.standing(wanted).standing == Standing.OUTDATED
    body = opensearch.client.call("GET", path)[wanted.name]
    body["processors"].append({"set": {"field": "x", "value": 1}})
    opensearch.client.call("PUT", path, body)
    assert door.standing(wanted).standing == Standing.EDITED
    opensearch.client.call("PUT", path, {"description": "theirs", "processors": []})
    assert door.standing(wanted).standing == Standing.FOREIGN
    door.apply(wanted)
    assert door.standing(wanted).standing == Standing.CURRENT


def test_a_pipeline_that_another_calls_is_not_removed(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("logistic_regression"), "v1")
    custom = f"logs-{opensearch.given.namespace}@custom"
    with deployed(opensearch, model, threshold=0.5) as name:
        call: dict[str, dict[str, Any]] = {"pipeline": {"name": name}}
        opensearch.client.call("PUT", f"/_ingest/pipeline/{custom}", {"processors": [call]})
        of_model, of_detector = opensearch.resources.made()
        assert (of_model.kind, of_model.version, of_detector.name) == (MODEL, "v1", name)
        for one in (of_model, of_detector):
            assert opensearch.resources.standing(one).standing == Standing.CURRENT
        with pytest.raises(SiemRefused, match="@custom calls"):
            opensearch.resources.remove(of_detector)
        call["pipeline"]["ignore_failure"] = True
        opensearch.client.call("PUT", f"/_ingest/pipeline/{custom}", {"processors": [call]})
        opensearch.resources.remove(of_detector)
        opensearch.resources.remove(of_model)
        assert opensearch.resources.made() == []
        opensearch.client.call("DELETE", f"/_ingest/pipeline/{custom}")


def test_a_cluster_without_scripts_says_why_it_cannot_score(
    elasticsearch_url: str, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("xgboost"), "v1")
    with at_node(elasticsearch_url, apply=False, native=True) as core:
        assert core.native is not None
        (why,) = core.native.hindrances(needs_of(model))
        assert "has no ingest processor 'pipeline' or 'script' or 'set'" in why


def test_a_field_that_only_indices_know_keeps_a_detector_from_it(
    elasticsearch_url: str, fresh_prefix: str, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("xgboost"), "v1")
    with at_node(elasticsearch_url, apply=False, native=True) as core:
        assert core.native is not None
        fields = {
            "url.path": {"type": "alias", "path": "path"},
            "path": {"type": "keyword"},
            "@timestamp": {"type": "date"},
        }
        make(elasticsearch_url, fresh_prefix, fields)
        found = core.native.hindrances(needs_of(model, index=fresh_prefix))
    told = " / ".join(found)
    assert "url.path is an alias in the indices" in told
    assert "use path instead" in told


def test_nothing_is_scored_by_a_cluster_that_was_not_asked_to(
    elasticsearch_url: str, hard_artifact: MakeArtifact
) -> None:
    model = portable_model(hard_artifact("xgboost"), "v1")
    with at_node(elasticsearch_url, apply=False) as core:
        assert core.native is None
        assert core.resources.of_detector(needs_of(model)) == ()
        assert core.resources.made() == ()


NUMBERS = tuple(feature("number", f"a.f{n}", f"f{n}") for n in range(5))


def learnt(rate: float) -> TreeModel:
    """XGBoost's own model where about *rate* of all rows are positive."""
    draw = np.random.default_rng(3)
    found = np.round(draw.normal(size=(6_000, 5)), 1).astype(np.float32)
    found[draw.random(found.shape) < 0.15] = np.nan
    order = np.argsort(-np.nan_to_num(found[:, 0]) - draw.normal(size=len(found)) / 2)
    truth = np.zeros(len(found))
    truth[order[: int(rate * len(found))]] = 1
    booster = xgb.train(
        {"objective": "binary:logistic", "max_depth": 5, "nthread": 1},
        xgb.DMatrix(found, truth, nthread=1),
        30,
    )
    return TreeModel.from_bytes(bytes(booster.save_raw("ubj")), 1, algorithm="xgboost")


@pytest.mark.parametrize("rate", [0.5, 0.01, 0.001])
def test_models_of_rare_attacks_score_as_in_the_service(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact, rate: float
) -> None:
    of_numbers(opensearch, hard_artifact, learnt(rate))


def test_a_model_that_xgboost_2_saved_scores_as_in_the_service(
    opensearch: ElasticConnector, hard_artifact: MakeArtifact
) -> None:
    stored = (Path(__file__).parent / "models" / "xgboost-2.1.4.ubj").read_bytes()
    model = TreeModel.from_bytes(stored, 1, algorithm="xgboost")
    row = np.array([[0.2, -0.5227484703063965, -0.41306355595588684, -2.44146728515625, 1.8]])
    assert model.margin(row.astype(np.float32))[0] == pytest.approx(-2.748335123062134, abs=1e-6)
    of_numbers(opensearch, hard_artifact, model)


def of_numbers(siem: ElasticConnector, hard_artifact: MakeArtifact, model: TreeModel) -> None:
    """Let *model*, of five numbers, pass the gate on the cluster."""
    before = hard_artifact("xgboost")
    manifest = before.manifest.model_copy(
        update={"features": NUMBERS, "vocabularies": {}, "algorithm": "xgboost"}
    )
    artifact = Artifact(manifest, model)
    portable = portable_model(artifact, "v1")
    wanted = pipeline_of(siem, portable)
    seen = require_parity(artifact, portable, native(siem, wanted), rows=1_500)
    assert seen.farthest <= 1e-6
    assert seen.ties > 1
