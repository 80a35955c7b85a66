"""Scores where searches of events find them: lookups keep the newest, events are changed once."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.rule_engine.alerting import flat
from scoreback.naming import own_fields
from scoreback.records import Enrichment, EventQuery, ScoreBatch
from tests.elasticsearch.batches import DAY, NOW, START, WINDOW, events, scores
from tests.elasticsearch.direct import done, fill, make, request, sources
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server


@pytest.fixture
def name() -> str:
    """A detector that no other test has."""
    return f"d{uuid.uuid4().hex[:8]}"


@pytest.fixture
def index(elasticsearch_url: str, fresh_prefix: str) -> str:
    """An index with five events."""
    made = f"{fresh_prefix}-events"
    make(elasticsearch_url, made, dynamic=True)
    fill(elasticsearch_url, made, events(range(5)))
    return made


def looked_up(elastic: ElasticConnector, url: str, kind: str, of: str) -> dict[str, Any]:
    """Score by event or entity, of the detector *of*."""
    found = sources(url, f"scoreback-lookup-{kind}-{elastic.given.namespace}")
    key = "scoreback.event.id" if kind == "events" else "scoreback.entity"
    documents = [flat(hit["_source"]) for hit in found]
    own = [document for document in documents if document["scoreback.detector"] == of]
    assert len({source[key] for source in own}) == len(own)
    return {source[key]: source["scoreback.score"] for source in own}


def test_a_lookup_by_event_keeps_the_newest_score_whatever_comes_last(
    name: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    def scored(numbers: range, days: int, score: float) -> ScoreBatch:
        count = len(numbers)
        at = [START + days * DAY] * count
        return scores(numbers, of=name, scored_at=at, score=[score] * count)

    assert elastic.enrichment.enrich(scored(range(3), 2, 0.2), Enrichment.EVENT).written == 3
    assert (
        elastic.enrichment.enrich(scored(range(4), 1, 0.1), Enrichment.EVENT).written == 1
    )  # only the new
    elastic.enrichment.enrich(scored(range(1), 3, 0.3), Enrichment.EVENT)
    elastic.enrichment.enrich(scored(range(1), 3, 0.3), Enrichment.EVENT)  # again changes nothing
    found = looked_up(elastic, elasticsearch_url, "events", name)
    assert found == {"e00000": 0.3, "e00001": 0.2, "e00002": 0.2, "e00003": 0.1}


def test_a_lookup_by_entity_keeps_the_score_of_the_latest_event(
    name: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    both = ["host", "host", None]
    batch = scores([5, 9, 7], of=name, entity=both, score=[0.5, 0.9, 0.7])
    assert elastic.enrichment.enrich(batch, Enrichment.ENTITY).written == 1
    older = scores([6], of=name, entity=["host"], score=[0.6])
    assert elastic.enrichment.enrich(older, Enrichment.ENTITY).written == 0
    assert looked_up(elastic, elasticsearch_url, "entities", name) == {"host": 0.9}


def read_with_own(elastic: ElasticConnector, index: str, name: str) -> list[dict[str, Any]]:
    """The events with what they have of our scores, and their sequence numbers."""
    query = EventQuery(selection={"index": index}, fields=own_fields(name))
    pieces = elastic.events.slices(query, WINDOW)
    return [row for p in pieces for b in elastic.events.read(p) for row in b.batch.to_pylist()]


def onto(rows: Sequence[dict[str, Any]], name: str, values: Sequence[float]) -> ScoreBatch:
    """Scores for events that were read as *rows*."""
    columns: dict[str, Any] = {
        "event_id": [row["event_id"] for row in rows],
        "event_ref": [row["event_ref"] for row in rows],
        "score": list(values),
    }
    columns |= {f.replace(".", "__"): [row[f] for row in rows] for f in own_fields(name)}
    return scores(range(len(rows)), of=name, **columns)


def on_events(url: str, index: str, name: str) -> dict[str, float]:
    """What each event has of our scores."""
    return {
        hit["_id"]: hit["_source"]
        .get("scoreback", {})
        .get("detectors", {})
        .get(name, {})
        .get("score", -1.0)
        for hit in sources(url, index)
    }


VALUES = [0.0, 1.0, 0.5, 1e-7, 0.00012345678901234567]  # written by the server as 1.0E-7 and so on


def test_events_that_have_their_score_already_cost_no_request_at_all(
    name: str,
    index: str,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
) -> None:
    first = elastic.enrichment.enrich(
        onto(read_with_own(elastic, index, name), name, VALUES), _IN_PLACE
    )
    assert (first.written, first.refused) == (5, ())
    assert list(on_events(elasticsearch_url, index, name).values()) == VALUES
    rows = read_with_own(elastic, index, name)
    elasticsearch_proxy.forget()
    again = elastic.enrichment.enrich(onto(rows, name, VALUES), _IN_PLACE)
    assert (again.written, again.already_there) == (0, 5)
    assert elasticsearch_proxy.seen() == []
    changed = elastic.enrichment.enrich(onto(rows, name, [*VALUES[:4], 0.25]), _IN_PLACE)
    assert (changed.written, changed.already_there) == (1, 4)
    [sent] = elasticsearch_proxy.seen()
    assert len(sent.request.lines) == 2


_IN_PLACE = Enrichment.IN_PLACE


def test_what_others_changed_meanwhile_stays_and_the_score_is_added(
    name: str, index: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    rows = read_with_own(elastic, index, name)
    done(elasticsearch_url, "POST", f"/{index}/_update/e00002", {"doc": {"note": "mine"}})
    report = elastic.enrichment.enrich(onto(rows, name, VALUES), _IN_PLACE)
    assert (report.written, report.refused) == (5, ())
    assert sorted(on_events(elasticsearch_url, index, name).values()) == sorted(VALUES)
    changed = done(elasticsearch_url, "GET", f"/{index}/_doc/e00002")["_source"]
    assert changed["note"] == "mine"
    assert changed["host"] == {"name": "host-2"}


def test_an_event_that_is_gone_is_refused_by_name_and_not_made_again(
    name: str, index: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    rows = read_with_own(elastic, index, name)
    done(elasticsearch_url, "DELETE", f"/{index}/_doc/e00001")
    report = elastic.enrichment.enrich(onto(rows, name, VALUES), _IN_PLACE)
    assert report.written == 4
    assert [refused.item_id for refused in report.refused] == ["e00001"]
    assert "gone" in report.refused[0].reason or "missing" in report.refused[0].reason
    assert request(elasticsearch_url, "GET", f"/{index}/_doc/e00001")[0] == 404


@pytest.mark.usefixtures("index")
def test_a_read_only_index_refuses_its_events_and_no_others(
    name: str, elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    other = f"{fresh_prefix}-archive"
    make(elasticsearch_url, other)
    fill(elasticsearch_url, other, [e | {"_id": f"a{e['_id']}"} for e in events(range(2))])
    done(elasticsearch_url, "PUT", f"/{other}/_settings", {"index.blocks.write": True})
    rows = read_with_own(elastic, f"{fresh_prefix}-*", name)
    report = elastic.enrichment.enrich(onto(rows, name, [0.5] * 7), _IN_PLACE)
    assert report.written == 5
    assert sorted(r.item_id for r in report.refused) == ["ae00000", "ae00001"]
    assert all("cluster_block_exception" in r.reason for r in report.refused)
    query = EventQuery(selection={"index": f"{fresh_prefix}-*"}, fields=own_fields(name))
    [finding] = [f for f in elastic.check(query) if "cannot take scores" in f.what]
    assert "1 of 2 indices" in finding.what
    assert not finding.fatal


def test_an_index_without_sources_refuses_its_events_and_check_says_so_before(
    name: str, elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    index = f"{fresh_prefix}-sourceless"
    make(elasticsearch_url, index, _source={"enabled": False})
    fill(elasticsearch_url, index, events(range(2)))
    rows = read_with_own(elastic, index, name)
    report = elastic.enrichment.enrich(onto(rows, name, [0.5] * 2), _IN_PLACE)
    assert report.written == 0
    assert len(report.refused) == 2
    query = EventQuery(selection={"index": index}, fields=own_fields(name))
    assert any(f.fatal and "no stored source" in f.what for f in elastic.check(query))


def test_events_in_several_backing_indices_of_a_stream_are_changed_where_they_are(
    name: str, elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    stream = f"{fresh_prefix}-stream"
    template = {"index_patterns": [stream], "data_stream": {}, "priority": 900}
    done(elasticsearch_url, "PUT", f"/_index_template/{stream}", template)
    for numbers in (range(2), range(2, 4)):
        fill(elasticsearch_url, stream, events(numbers), create=True)
        done(elasticsearch_url, "POST", f"/{stream}/_rollover")
    rows = read_with_own(elastic, stream, name)
    assert len({row["event_ref"].split()[0] for row in rows}) == 2
    report = elastic.enrichment.enrich(onto(rows, name, VALUES[:4]), _IN_PLACE)
    assert (report.written, report.refused) == (4, ())
    assert sorted(on_events(elasticsearch_url, stream, name).values()) == sorted(VALUES[:4])


def test_an_event_that_others_change_all_the_time_is_refused_in_the_end(
    name: str,
    index: str,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
) -> None:
    rows = read_with_own(elastic, index, name)
    count = 0

    def busy(sent: Any, forward: Any) -> Any:  # noqa: ANN401 - of the proxy
        nonlocal count
        count += 1
        change = {"doc": {"count": count}}
        done(elasticsearch_url, "POST", f"/{index}/_update/e00000", change)
        return forward(sent)

    elasticsearch_proxy.add(busy, path="_bulk", times=None)
    report = elastic.enrichment.enrich(onto(rows, name, VALUES), _IN_PLACE)
    assert report.written == 4
    assert [refused.item_id for refused in report.refused] == ["e00000"]


def test_no_scores_are_no_request(elastic: ElasticConnector, elasticsearch_proxy: Proxy) -> None:
    for how in (Enrichment.EVENT, Enrichment.ENTITY, Enrichment.IN_PLACE):
        assert elastic.enrichment.enrich(scores([]), how).written == 0
    assert elastic.scores.write(scores([]), at=NOW).written == 0
    assert elasticsearch_proxy.seen() == []
