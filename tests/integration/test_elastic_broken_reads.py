"""Reading that is cut off half-way goes on without gaps or repeats, or says what is wrong."""

from collections.abc import Iterator

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.connectors.elastic.reading import events as reading
from scoreback.errors import SiemRefused, SiemUnavailable
from scoreback.records import EventQuery, LabelQuery
from tests.elasticsearch.batches import WINDOW, event_ids, events, scores
from tests.elasticsearch.direct import done, fill, make, request, rows
from tests.elasticsearch.faults import Fault, Forward, Reply, Request, cuts_body, edits, resets
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server
COUNT = 300
ALL = [f"e{n:05d}" for n in range(COUNT)]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several chunks of several pages, without thousands of events."""
    monkeypatch.setattr(reading, "CHUNK_ROWS", 100)
    monkeypatch.setattr(reading, "PAGE_ROWS", 40)


@pytest.fixture
def index(elasticsearch_url: str, fresh_prefix: str) -> str:
    """An index with `COUNT` events."""
    name = f"{fresh_prefix}-events"
    make(elasticsearch_url, name)
    fill(elasticsearch_url, name, events(range(COUNT)))
    return name


@pytest.mark.parametrize("fault", [resets(), cuts_body(0.5), resets(after_server=True)])
@pytest.mark.parametrize("skip", [1, 4, 7])
def test_a_page_that_breaks_off_is_read_again(
    fault: Fault, skip: int, index: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy
) -> None:
    elasticsearch_proxy.add(fault, path="/_search", skip=skip, times=2)
    assert event_ids(rows(elastic, index, WINDOW, ["host.name"])) == ALL


def loses_its_point_in_time(url: str) -> Fault:
    """The request comes to a server that holds its point in time no longer."""

    def fault(request_: Request, forward: Forward) -> Reply:
        [body] = request_.lines
        request(url, "DELETE", "/_pit", {"id": body["pit"]["id"]})
        return forward(request_)

    return fault


@pytest.mark.parametrize("skip", [0, 1, 4])
def test_an_expired_point_in_time_is_opened_again(
    skip: int,
    index: str,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
) -> None:
    elasticsearch_proxy.add(
        loses_its_point_in_time(elasticsearch_url), path="/_search", skip=skip, times=1
    )
    assert event_ids(rows(elastic, index, WINDOW, ["host.name"])) == ALL
    assert len(elasticsearch_proxy.seen("POST", "/_pit")) == 3  # of slicing, reading, and again


def test_what_was_read_before_the_expiry_is_not_asked_for_again(
    index: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy, elasticsearch_url: str
) -> None:
    query = EventQuery(selection={"index": index}, fields=("host.name",))
    [piece] = elastic.events.slices(query, WINDOW)
    found = elastic.events.read(piece)
    first = next(found).batch["event_id"].to_pylist()
    elasticsearch_proxy.add(loses_its_point_in_time(elasticsearch_url), path="/_search")
    rest = [row["event_id"] for batch in found for row in batch.batch.to_pylist()]
    assert first + rest == ALL


def test_points_in_time_that_always_expire_end_as_unavailable(
    index: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy, elasticsearch_url: str
) -> None:
    elasticsearch_proxy.add(loses_its_point_in_time(elasticsearch_url), path="/_search", times=None)
    with pytest.raises(SiemUnavailable, match="expire faster"):
        rows(elastic, index, WINDOW)


def test_an_answer_that_is_no_answer_of_a_search_is_never_taken_for_no_events(
    index: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy
) -> None:
    elasticsearch_proxy.add(edits(lambda _: {"message": "login"}), path="/_search", times=None)
    with pytest.raises(SiemUnavailable):
        rows(elastic, index, WINDOW)


def test_no_search_takes_an_answer_without_some_shards_for_the_whole(
    index: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy
) -> None:
    rows(elastic, index, WINDOW)
    elastic.scores.existing(scores([1]))
    list(elastic.labels.read(LabelQuery(detector="d", entity="host.name", since=WINDOW.since)))
    list(elastic.alerts.find())
    searches = elasticsearch_proxy.seen("POST", "_search")
    assert len(searches) > 4
    assert all("allow_partial_search_results=false" in one.request.path for one in searches)


def deleting(url: str, index: str) -> Fault:
    def fault(request_: Request, forward: Forward) -> Reply:
        request(url, "DELETE", f"/{index}")
        return forward(request_)

    return fault


def test_an_index_that_is_deleted_while_it_is_read_is_a_refusal_that_names_it(
    index: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy, elasticsearch_url: str
) -> None:
    elasticsearch_proxy.add(deleting(elasticsearch_url, index), path="/_search", skip=3)
    with pytest.raises(SiemRefused, match=index):
        rows(elastic, index, WINDOW)


@pytest.mark.usefixtures("index")
def test_of_a_pattern_the_indices_that_stay_are_read_on(
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
    fresh_prefix: str,
) -> None:
    other = f"{fresh_prefix}-other"
    make(elasticsearch_url, other)
    fill(elasticsearch_url, other, [e | {"_id": f"x{e['_id']}"} for e in events(range(COUNT))])
    elasticsearch_proxy.add(deleting(elasticsearch_url, other), path="/_search", skip=6)
    found = event_ids(rows(elastic, f"{fresh_prefix}-*", WINDOW))
    assert [name for name in found if name in set(ALL)] == ALL
    assert len(set(found)) == len(found)


def test_events_that_come_while_we_read_come_once_or_not_at_all(
    index: str, elastic: ElasticConnector, elasticsearch_url: str
) -> None:
    query = EventQuery(selection={"index": index}, fields=())
    [piece] = elastic.events.slices(query, WINDOW)

    def read() -> Iterator[str]:
        for batch in elastic.events.read(piece):
            yield from batch.batch["event_id"].to_pylist()

    found: list[str] = []
    for event in read():
        if not found:
            fill(elasticsearch_url, index, events(range(COUNT, COUNT + 50)))
        found.append(event)
    assert found[:COUNT] == ALL
    assert len(set(found)) == len(found)


def test_a_reader_that_is_left_early_lets_go_of_its_point_in_time(
    index: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy
) -> None:
    query = EventQuery(selection={"index": index}, fields=())
    [piece] = elastic.events.slices(query, WINDOW)
    elasticsearch_proxy.forget()
    found = elastic.events.read(piece)
    next(found)
    found.close()  # type: ignore[attr-defined]  # a generator
    assert len(elasticsearch_proxy.seen("POST", "/_pit")) == 1
    assert len(elasticsearch_proxy.seen("DELETE", "/_pit")) == 1


def test_a_rollover_in_the_middle_of_reading_moves_no_event(
    elastic: ElasticConnector, elasticsearch_url: str, fresh_prefix: str
) -> None:
    stream = f"{fresh_prefix}-stream"
    template = {"index_patterns": [stream], "data_stream": {}, "priority": 900}
    done(elasticsearch_url, "PUT", f"/_index_template/{stream}", template)
    fill(elasticsearch_url, stream, events(range(150)), create=True)
    query = EventQuery(selection={"index": stream}, fields=())
    [piece] = elastic.events.slices(query, WINDOW)
    found = elastic.events.read(piece)
    first = next(found).batch["event_id"].to_pylist()
    done(elasticsearch_url, "POST", f"/{stream}/_rollover")
    fill(elasticsearch_url, stream, events(range(150, 200)), create=True)
    rest = [row["event_id"] for batch in found for row in batch.batch.to_pylist()]
    assert first + rest == ALL[:150]
    assert event_ids(rows(elastic, stream, WINDOW)) == ALL[:200]
