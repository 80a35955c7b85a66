"""Writing where there is no room, or where somebody made things otherwise: said, never lost."""

import json
import uuid

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.connectors.elastic.wire import bulk
from scoreback.connectors.elastic.writing.scores import LOOKUP_IDS
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import Enrichment, Verdict
from tests.elasticsearch.batches import NOW, START, ids, rule, scores
from tests.elasticsearch.connection import connected
from tests.elasticsearch.direct import done, make, request, sources
from tests.elasticsearch.doors import stored
from tests.elasticsearch.faults import edits
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server


@pytest.fixture
def name() -> str:
    """A detector that no other test has."""
    return f"d{uuid.uuid4().hex[:8]}"


def backing(url: str, elastic: ElasticConnector) -> list[str]:
    """The backing indices of the stream of scores, oldest first."""
    stream = f"scoreback.scores-{elastic.given.namespace}"
    found = done(url, "GET", f"/_resolve/index/{stream}")["data_streams"]
    return sorted(index for one in found for index in one["backing_indices"])


def test_full_disks_are_unavailable_with_advice_and_nothing_is_lost(
    name: str,
    elastic: ElasticConnector,
    applied: ElasticConnector,
    elasticsearch_url: str,
    naps: list[float],
) -> None:
    """The server itself puts this block on indices when its flood-stage watermark is passed."""
    elastic.scores.write(scores(range(5), of=name), at=NOW)
    index = backing(elasticsearch_url, elastic)[-1]
    block = "index.blocks.read_only_allow_delete"
    done(elasticsearch_url, "PUT", f"/{index}/_settings", {block: True})
    try:
        with pytest.raises(SiemUnavailable, match="too busy for 20 documents") as caught:
            elastic.scores.write(scores(range(20), of=name), at=NOW)
    finally:
        done(elasticsearch_url, "PUT", f"/{index}/_settings", {block: None})
    assert "disk" in caught.value.hint
    assert len(naps) == bulk.ATTEMPTS
    again = elastic.scores.write(scores(range(20), of=name), at=NOW)
    assert (again.written, again.already_there) == (15, 5)
    assert stored(applied, name) == sorted(ids(range(20), name))


def test_full_disks_stop_rules_and_lookups_with_the_same_advice(
    name: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    block = "index.blocks.read_only_allow_delete"
    pattern = f"scoreback-*-{elastic.given.namespace}"
    done(elasticsearch_url, "PUT", f"/{pattern}/_settings", {block: True})
    try:
        for write in (
            lambda: elastic.rules.apply(rule(name)),
            lambda: elastic.enrichment.enrich(scores(range(3), of=name), Enrichment.EVENT),
        ):
            with pytest.raises(SiemUnavailable) as caught:
                write()
            assert "disk" in caught.value.hint
    finally:
        done(elasticsearch_url, "PUT", f"/{pattern}/_settings", {block: None})


def test_scores_that_do_not_fit_the_mapping_are_refused_with_reason_and_document(
    name: str, elastic: ElasticConnector, applied: ElasticConnector, elasticsearch_url: str
) -> None:
    elastic.scores.write(scores([1], of=name), at=NOW)
    stream = f"scoreback.scores-{elastic.given.namespace}"
    mapping = {"properties": {"dns.count": {"type": "long"}}}  # as a template of the user's may say
    done(elasticsearch_url, "PUT", f"/{stream}/_mapping", mapping)
    report = elastic.scores.write(scores([2, 3], of=name, dns__count=["many", None]), at=NOW)
    assert (report.written, len(report.refused)) == (1, 1)
    [refused] = report.refused
    assert refused.item_id == ids([2], name)[0]
    assert "document_parsing_exception" in refused.reason
    assert json.loads(refused.document)["dns.count"] == "many"
    assert stored(applied, name) == sorted(ids([1, 3], name))


def test_a_field_may_be_copied_whose_name_begins_as_another_ones(
    name: str, elastic: ElasticConnector, applied: ElasticConnector
) -> None:
    """Two detectors may copy `dns.question` and `dns.question.name`: no object has to hold both."""
    elastic.scores.write(scores([1], of=name, dns__question=["a"]), at=NOW)
    assert (
        elastic.scores.write(
            scores([2], of=name, dns__question__name=["x.example"]), at=NOW
        ).written
        == 1
    )
    assert stored(applied, name) == sorted(ids([1, 2], name))


def test_a_plain_index_under_the_streams_name_takes_no_score(
    name: str, elasticsearch_url: str
) -> None:
    with connected(elasticsearch_url, apply=False) as bare:
        index = f"scoreback.scores-{bare.given.namespace}"
        make(elasticsearch_url, index)
        try:
            report = bare.scores.write(scores(range(3), of=name), at=NOW)
            assert sources(elasticsearch_url, index) == []
        finally:
            request(elasticsearch_url, "DELETE", f"/{index}")
    assert report.written == 0
    assert {r.item_id for r in report.refused} == set(ids(range(3), name))
    assert all("data stream" in r.reason for r in report.refused)


def test_nothing_is_made_in_whatever_shape_before_apply(name: str, elasticsearch_url: str) -> None:
    with connected(elasticsearch_url, apply=False) as bare:
        for write in (
            lambda: bare.scores.write(scores(range(3), of=name), at=NOW),
            lambda: bare.rules.apply(rule(name)),
            lambda: bare.enrichment.enrich(scores(range(3), of=name), Enrichment.EVENT),
            lambda: bare.enrichment.enrich(scores(range(3), of=name), Enrichment.ENTITY),
        ):
            with pytest.raises(SiemRefused) as caught:
                write()
            assert "scoreback apply" in caught.value.hint
        found = done(elasticsearch_url, "GET", f"/_resolve/index/*{bare.given.namespace}*")
        assert not found["indices"]
        assert not found["data_streams"]


def test_copied_fields_that_have_a_name_of_ours_do_not_replace_it(
    name: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    batch = scores([1], of=name, event__kind=["alert"], rule__id=["SID 7"], host__name=["h"])
    assert elastic.scores.write(batch, at=NOW).written == 1
    found = sources(elasticsearch_url, f"scoreback.scores-{elastic.given.namespace}")
    documents = [flat(hit["_source"]) for hit in found]
    [document] = [one for one in documents if one["scoreback.detector"] == name]
    assert (document["event.kind"], "rule.id" in document) == ("enrichment", False)
    assert document["scoreback.event.event.kind"] == "alert"
    assert document["scoreback.event.rule.id"] == "SID 7"
    assert document["host.name"] == "h"


def test_scores_are_found_by_the_names_that_ecs_gives_to_rules(
    name: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    elastic.scores.write(scores(range(3), of=name), at=NOW)
    done(elasticsearch_url, "POST", f"/scoreback.scores-{elastic.given.namespace}/_refresh")
    for field, wanted in [("rule.id", name), ("rule.name", name), ("rule.version", "v1-aa")]:
        body = {
            "query": {"bool": {"filter": [{"term": {"rule.name": name}}]}},
            "aggs": {"values": {"terms": {"field": field}}},
            "fields": [field],
        }
        stream = f"scoreback.scores-{elastic.given.namespace}"
        answer = done(elasticsearch_url, "POST", f"/{stream}/_search", body)
        assert {hit["fields"][field][0] for hit in answer["hits"]["hits"]} == {wanted}
        buckets = answer["aggregations"]["values"]["buckets"]
        assert [(b["key"], b["doc_count"]) for b in buckets] == [(wanted, 3)]


def test_scores_that_are_there_more_than_once_are_all_found(
    name: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    """Copies push no other score out of the answer, however often the stream rolled over."""
    stream = f"scoreback.scores-{elastic.given.namespace}"
    for _ in range(4):
        assert elastic.scores.write(scores(range(10), of=name), at=NOW).written == 10
        done(elasticsearch_url, "POST", f"/{stream}/_rollover")
    asked = scores(range(11), of=name)  # one more than there are
    assert elastic.scores.existing(asked) == set(ids(range(10), name))
    assert LOOKUP_IDS <= 10_000  # what one answer can hold


def test_a_shard_that_does_not_answer_leaves_a_batch_in_doubt(
    name: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy
) -> None:
    """Taken for empty, its scores would be written a second time."""
    elastic.scores.write(scores(range(5), of=name), at=NOW)
    partial = {"_shards": {"total": 2, "successful": 1, "failed": 1}}
    elasticsearch_proxy.add(edits(lambda answer: answer | partial), path="_refresh")
    with pytest.raises(SiemUnavailable, match="not every shard"):
        elastic.scores.existing(scores(range(5), of=name))


def test_an_alert_that_does_not_exist_is_refused_whatever_it_is_called(
    elastic: ElasticConnector,
) -> None:
    for alert in ("none", "../_search", "a/b?c", "%"):
        with pytest.raises(SiemRefused, match="no alert has id"):
            elastic.alerts.close(alert, Verdict.FALSE_POSITIVE, labeller="a", at=START)
