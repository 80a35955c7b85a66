"""A node that is away, slow, dying or busy: nothing is lost, nothing is said twice."""

import json
import socket
import subprocess
import sys
import uuid

import pytest

from scoreback.connectors.elastic import ElasticConnector
from scoreback.errors import SiemRefused, SiemUnavailable
from tests.elasticsearch.batches import NOW, WINDOW, event_ids, events, histogram, ids, scores
from tests.elasticsearch.direct import done, fill, make, rows, sources
from tests.elasticsearch.doors import stored
from tests.elasticsearch.faults import (
    Fault,
    Forward,
    Reply,
    Request,
    cuts_body,
    delays,
    refuses,
    rejects_items,
    resets,
)
from tests.elasticsearch.proxy import Proxy, proxied

pytestmark = pytest.mark.server
DYING = """
import socket, struct, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
"""


@pytest.fixture
def name() -> str:
    """A detector that no other test has."""
    return f"d{uuid.uuid4().hex[:8]}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_node_that_is_away_is_unavailable_after_as_many_attempts_as_set(
    naps: list[float],
) -> None:
    where = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(SiemUnavailable, match="no connection") as caught:
        ElasticConnector.open("away", {"hosts": [where], "attempts": 4}, sleep=naps.append)
    assert where in caught.value.hint
    assert len(naps) == 3
    assert naps == sorted(naps)  # longer each time


def test_a_node_that_dies_on_every_request_is_unavailable(naps: list[float]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DYING], stdout=subprocess.PIPE, text=True
    ) as dying:
        assert dying.stdout is not None
        where = f"http://127.0.0.1:{int(dying.stdout.readline())}"
        try:
            with pytest.raises(SiemUnavailable, match="no connection"):
                ElasticConnector.open("dying", {"hosts": [where], "attempts": 3}, sleep=naps.append)
        finally:
            dying.terminate()
    assert len(naps) == 2


def test_a_slow_node_is_unavailable_and_the_message_says_how_long_we_waited(
    elasticsearch_proxy: Proxy, naps: list[float]
) -> None:
    settings = {"hosts": [elasticsearch_proxy.url], "timeout": 0.2, "attempts": 2}
    elasticsearch_proxy.add(delays(30), times=None)
    with pytest.raises(SiemUnavailable, match=r"no answer within 0\.2 s"):
        ElasticConnector.open("slow", settings, sleep=naps.append)
    assert len(naps) == 1


@pytest.mark.parametrize(
    "fault", [refuses(503), refuses(502), refuses(429), resets(), resets(after_server=True)]
)
def test_a_short_outage_while_writing_loses_and_doubles_nothing(
    name: str,
    applied: ElasticConnector,
    fault: Fault,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
) -> None:
    elasticsearch_proxy.add(fault, method="POST", path="_bulk", times=2)
    report = elastic.scores.write(scores(range(20), of=name), at=NOW)
    assert (report.written, report.refused) == (20, ())
    assert stored(applied, name) == sorted(ids(range(20), name))


@pytest.mark.parametrize("status", [502, 504])
def test_what_a_gateway_gave_up_waiting_for_is_looked_up_before_it_is_sent_again(
    name: str,
    applied: ElasticConnector,
    status: int,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
) -> None:
    """Between the two attempts the stream rolls over: sent again blindly, all would be doubled."""
    stream = f"scoreback.scores-{elastic.given.namespace}"

    def gives_up(sent: Request, forward: Forward) -> Reply:
        forward(sent)
        done(elasticsearch_url, "POST", f"/{stream}/_rollover")
        return refuses(status)(sent, forward)

    elasticsearch_proxy.add(gives_up, method="POST", path="_bulk")
    assert elastic.scores.write(scores(range(20), of=name), at=NOW).written == 20
    assert stored(applied, name) == sorted(ids(range(20), name))


def test_a_lasting_outage_while_writing_is_unavailable_and_writing_again_completes_it(
    name: str,
    applied: ElasticConnector,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
) -> None:
    elasticsearch_proxy.add(rejects_items(range(10, 20)), path="_bulk")
    elasticsearch_proxy.add(rejects_items(range(20)), path="_bulk", skip=1, times=None)
    with pytest.raises(SiemUnavailable, match="too busy for 10 documents"):
        elastic.scores.write(scores(range(20), of=name), at=NOW)
    elasticsearch_proxy.clear()
    again = elastic.scores.write(scores(range(20), of=name), at=NOW)
    assert (again.written, again.already_there) == (10, 10)
    assert stored(applied, name) == sorted(ids(range(20), name))


def test_the_server_says_how_long_to_wait_and_is_heard(
    name: str, elastic: ElasticConnector, elasticsearch_proxy: Proxy, naps: list[float]
) -> None:
    elasticsearch_proxy.add(refuses(429, retry_after=17), path="_bulk", times=2)
    assert elastic.scores.write(scores(range(3), of=name), at=NOW).written == 3
    assert len(naps) == 2
    assert all(nap >= 17 for nap in naps)


def test_only_items_that_found_no_room_are_sent_again(
    name: str,
    applied: ElasticConnector,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    naps: list[float],
) -> None:
    elasticsearch_proxy.add(rejects_items([1, 4]), path="_bulk")
    elasticsearch_proxy.add(rejects_items([0]), path="_bulk", skip=1)
    assert elastic.scores.write(scores(range(6), of=name), at=NOW).written == 6
    sent = [
        [line["create"]["_id"] for line in one.request.lines[::2]]
        for one in elasticsearch_proxy.seen("POST", "_bulk")
    ]
    every = ids(range(6), name)
    assert sent == [every, [every[1], every[4]], [every[1]]]
    assert len(naps) == 2
    assert stored(applied, name) == sorted(every)


def test_a_request_that_is_too_large_is_halved_until_it_fits(
    name: str,
    applied: ElasticConnector,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
) -> None:
    elasticsearch_proxy.add(refuses(413), path="_bulk", times=3)  # 8, then 4 and its first 2
    assert elastic.scores.write(scores(range(8), of=name), at=NOW).written == 8
    assert stored(applied, name) == sorted(ids(range(8), name))
    sizes = [len(one.request.lines) // 2 for one in elasticsearch_proxy.seen("POST", "_bulk")]
    assert sizes == [8, 4, 2, 1, 1, 2, 4]


def test_a_document_that_no_request_can_hold_is_refused_alone_and_by_name(
    name: str,
    applied: ElasticConnector,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
) -> None:
    elasticsearch_proxy.add(refuses(413), path="_bulk", times=3)  # 4, 2, and the first alone
    report = elastic.scores.write(scores(range(4), of=name), at=NOW)
    assert report.written == 3
    [refused] = report.refused
    assert refused.item_id == ids([0], name)[0]
    assert "too" in refused.reason or "large" in refused.reason
    assert json.loads(refused.document)["scoreback.event.id"] == "e00000"
    assert stored(applied, name) == sorted(ids(range(1, 4), name))


@pytest.mark.parametrize(("status", "hint"), [(401, "API key"), (403, "privilege"), (404, "check")])
def test_a_refusal_is_not_tried_again_and_says_what_to_do(
    name: str,
    status: int,
    hint: str,
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    naps: list[float],
) -> None:
    elasticsearch_proxy.add(refuses(status, reason="by a test"), path="_bulk", times=None)
    with pytest.raises(SiemRefused, match=f"{status}.*by a test") as caught:
        elastic.scores.write(scores(range(3), of=name), at=NOW)
    assert hint in caught.value.hint
    assert not naps
    assert len(elasticsearch_proxy.seen("POST", "_bulk")) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_opening_and_reading_are_refused_without_the_right(
    status: int, elasticsearch_proxy: Proxy, elastic: ElasticConnector, naps: list[float]
) -> None:
    elasticsearch_proxy.add(refuses(status), times=None)
    with pytest.raises(SiemRefused, match=str(status)):
        ElasticConnector.open("no", {"hosts": [elasticsearch_proxy.url]}, sleep=naps.append)
    with pytest.raises(SiemRefused, match=str(status)):
        rows(elastic, "events", WINDOW)
    assert not naps


def test_counts_of_a_run_survive_an_answer_that_got_lost(
    elastic: ElasticConnector, elasticsearch_proxy: Proxy, elasticsearch_url: str
) -> None:
    elasticsearch_proxy.add(resets(after_server=True), path="_bulk")
    elasticsearch_proxy.add(cuts_body(0.5), path="_bulk")
    elastic.scores.write_histograms([histogram()], at=NOW)
    elastic.scores.write_histograms([histogram()], at=NOW)
    found = sources(elasticsearch_url, f"scoreback.health-{elastic.given.namespace}")
    assert len(found) == 2


def test_a_node_that_dies_while_it_is_read_is_asked_no_more_than_set(
    elastic: ElasticConnector,
    elasticsearch_proxy: Proxy,
    elasticsearch_url: str,
    fresh_prefix: str,
) -> None:
    make(elasticsearch_url, f"{fresh_prefix}-events")
    fill(elasticsearch_url, f"{fresh_prefix}-events", events(range(10)))
    elasticsearch_proxy.add(refuses(503), path="_search", times=None)
    elasticsearch_proxy.add(refuses(503), method="DELETE", path="_pit", times=None)
    with pytest.raises(SiemUnavailable, match="503"):
        rows(elastic, f"{fresh_prefix}-events", WINDOW)
    closing = elasticsearch_proxy.seen("DELETE", "_pit")
    assert len(closing) == 2  # of slicing and of reading, once each: the server frees it anyway


def test_one_dead_node_among_several_does_not_stop_the_others(
    elasticsearch_url: str, naps: list[float], fresh_prefix: str
) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with proxied(elasticsearch_url) as alive:
        settings = {"hosts": [dead, alive.url, dead.replace("127.0.0.1", "localhost")]}
        connector = ElasticConnector.open("several", settings, sleep=naps.append)
        try:
            make(elasticsearch_url, f"{fresh_prefix}-events")
            fill(elasticsearch_url, f"{fresh_prefix}-events", events(range(10)))
            found = rows(connector, f"{fresh_prefix}-events", WINDOW)
            assert event_ids(found) == [f"e{n:05d}" for n in range(10)]
            assert alive.seen("POST", "_search")
        finally:
            connector.close_connection()
