"""Each fault, as the official client meets it, and that the real node stands behind it."""

import http.client
import json
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from elasticsearch import (
    ApiError,
    ConflictError,
    ConnectionError,  # noqa: A004  # the client's own
    ConnectionTimeout,
    Elasticsearch,
    UnsupportedProductError,
)

from tests.elasticsearch.faults import (
    claims_version,
    cuts_body,
    delays,
    drops_product_header,
    edits,
    refuses,
    rejects_items,
    resets,
)
from tests.elasticsearch.proxy import Proxy

pytestmark = pytest.mark.server


def client(
    proxy: Proxy, *, http_compress: bool = False, request_timeout: float = 60
) -> Elasticsearch:
    return Elasticsearch(
        proxy.url, max_retries=0, http_compress=http_compress, request_timeout=request_timeout
    )


def reset_by_peer(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ConnectionResetError):
            return True
        error = (
            error.__cause__ or error.__context__ or next(iter(getattr(error, "errors", ())), None)
        )
    return False


def bulk(prefix: str, count: int) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for number in range(count):
        lines += [{"create": {"_index": f"{prefix}-docs", "_id": str(number)}}, {"n": number}]
    return lines


def test_without_faults_the_node_answers_and_requests_are_remembered(
    elasticsearch_proxy: Proxy, fresh_prefix: str
) -> None:
    with client(elasticsearch_proxy, http_compress=True) as es:
        es.bulk(operations=bulk(fresh_prefix, 3), refresh=True)
        assert es.count(index=f"{fresh_prefix}-docs")["count"] == 3
        assert es.indices.exists(index=f"{fresh_prefix}-docs")
        assert not es.indices.exists(index=f"{fresh_prefix}-none")
    [sent] = elasticsearch_proxy.seen("PUT", "/_bulk")
    assert sent.forwarded
    assert sent.request.headers["content-encoding"] == "gzip"
    assert sent.request.headers["accept"].startswith("application/vnd.elasticsearch+json")
    assert sent.request.lines == bulk(fresh_prefix, 3)
    assert sent.reply is not None
    assert [item["create"]["status"] for item in sent.reply.document["items"]] == [201] * 3
    elasticsearch_proxy.forget()
    assert not elasticsearch_proxy.seen()


@pytest.mark.parametrize("status", [401, 403, 404, 413, 429, 503])
def test_a_refusal_reaches_the_client_and_not_the_server(
    elasticsearch_proxy: Proxy, status: int
) -> None:
    elasticsearch_proxy.add(refuses(status, retry_after=2), path="^/_cat/indices")
    with client(elasticsearch_proxy) as es:
        with pytest.raises(ApiError) as caught:
            es.cat.indices()
        assert caught.value.meta.status == status
        assert caught.value.meta.headers["retry-after"] == "2"
        assert es.cat.indices(format="json") is not None
    assert [one.forwarded for one in elasticsearch_proxy.seen()] == [False, True]


def test_faults_are_counted_by_method_and_path(elasticsearch_proxy: Proxy) -> None:
    elasticsearch_proxy.add(refuses(503), method="GET", path="^/_cluster", skip=1, times=2)
    with client(elasticsearch_proxy) as es:
        es.info()
        es.cluster.health()
        for _ in range(2):
            with pytest.raises(ApiError):
                es.cluster.health()
        es.cluster.health()
        elasticsearch_proxy.add(refuses(503), times=None)
        with pytest.raises(ApiError):
            es.info()
        elasticsearch_proxy.clear()
        es.info()


def test_a_slow_answer_outlasts_the_clients_patience(elasticsearch_proxy: Proxy) -> None:
    elasticsearch_proxy.add(delays(30), times=None)
    began = time.monotonic()
    with client(elasticsearch_proxy, request_timeout=0.2) as es, pytest.raises(ConnectionTimeout):
        es.info()
    elasticsearch_proxy.stopping.set()  # and nobody waits for it at the end
    assert time.monotonic() - began < 10


def test_a_reset_before_the_server_leaves_it_untouched(
    elasticsearch_proxy: Proxy, fresh_prefix: str
) -> None:
    elasticsearch_proxy.add(resets(), path="_bulk")
    with client(elasticsearch_proxy) as es:
        with pytest.raises(ConnectionError) as caught:
            es.bulk(operations=bulk(fresh_prefix, 2))
        assert reset_by_peer(caught.value)
        assert es.bulk(operations=bulk(fresh_prefix, 2))["errors"] is False
    assert [one.forwarded for one in elasticsearch_proxy.seen(path="_bulk")] == [False, True]


def test_a_reset_after_the_server_leaves_the_write_done(
    elasticsearch_proxy: Proxy, fresh_prefix: str
) -> None:
    elasticsearch_proxy.add(resets(after_server=True), path="_create")
    with client(elasticsearch_proxy) as es:
        with pytest.raises(ConnectionError) as caught:
            es.create(index=f"{fresh_prefix}-docs", id="1", document={"n": 1})
        assert reset_by_peer(caught.value)
        with pytest.raises(ConflictError):
            es.create(index=f"{fresh_prefix}-docs", id="1", document={"n": 1})


def test_a_cut_body_ends_early(elasticsearch_proxy: Proxy) -> None:
    elasticsearch_proxy.add(cuts_body(0.5))
    where = urlsplit(elasticsearch_proxy.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert len(caught.value.partial) > 50
    finally:
        connection.close()
    elasticsearch_proxy.add(cuts_body(0.5))
    with client(elasticsearch_proxy) as es, pytest.raises(ConnectionError):
        es.info()


def test_the_claimed_version_is_another(elasticsearch_proxy: Proxy) -> None:
    elasticsearch_proxy.add(claims_version("7.17.9", distribution="other"), path="^/$")
    with client(elasticsearch_proxy) as es:
        version = es.info()["version"]
    assert version["number"] == "7.17.9"
    assert version["distribution"] == "other"
    assert version["lucene_version"]  # the rest is the node's


def test_without_the_product_header_the_client_refuses_the_server(
    elasticsearch_proxy: Proxy,
) -> None:
    elasticsearch_proxy.add(drops_product_header(), times=None)
    with client(elasticsearch_proxy) as es, pytest.raises(UnsupportedProductError):
        es.info()


@pytest.mark.parametrize("compress", [False, True])
def test_rejected_items_are_named_at_their_place_and_not_written(
    elasticsearch_proxy: Proxy, fresh_prefix: str, compress: bool
) -> None:
    elasticsearch_proxy.add(rejects_items([0, 2]), path="_bulk")
    elasticsearch_proxy.add(rejects_items(range(9)), path="_bulk", skip=1)
    with client(elasticsearch_proxy, http_compress=compress) as es:
        answer = es.bulk(operations=bulk(fresh_prefix, 4), refresh=True)
        statuses = [item["create"]["status"] for item in answer["items"]]
        assert answer["errors"] is True
        assert statuses == [429, 201, 429, 201]
        assert answer["items"][2]["create"]["_id"] == "2"
        assert answer["items"][2]["create"]["error"]["type"] == "es_rejected_execution_exception"
        assert es.count(index=f"{fresh_prefix}-docs")["count"] == 2
        answer = es.bulk(operations=bulk(fresh_prefix, 2))
        assert [item["create"]["status"] for item in answer["items"]] == [429, 429]
        answer = es.bulk(operations=bulk(fresh_prefix, 4))
        statuses = [item["create"]["status"] for item in answer["items"]]
        assert statuses == [201, 409, 201, 409]


def test_faults_that_take_one_request_are_nested(elasticsearch_proxy: Proxy) -> None:
    elasticsearch_proxy.add(edits(lambda document: {**document, "name": document["name"] + "!"}))
    elasticsearch_proxy.add(claims_version("8.19.0"))
    with client(elasticsearch_proxy) as es:
        answer = es.info()
    assert (answer["name"], answer["version"]["number"]) == ("node-1!", "8.19.0")
    assert json.dumps(answer.body)
