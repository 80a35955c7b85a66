"""What the client asks of Kibana, and what it makes of its answers."""

import base64
from collections.abc import Callable

import pytest

from scoreback.connectors.elastic.kibana.client import Kibana
from scoreback.connectors.elastic.settings import ElasticSettings
from scoreback.errors import SiemRefused, SiemUnavailable
from tests.unit.connectors.elastic.kibana.stand_in import STATUS, Asked, Reply, answering

SECRET = "c2VjcmV0OmtleQ=="  # noqa: S105
RULES = "/api/detection_engine/rules"


def kibana(url: str, waited: list[float] | None = None, **more: object) -> Kibana:
    given = {"hosts": ["https://es:9200"], "api_key": SECRET, "kibana": url, "attempts": 3, **more}
    sleep = (lambda _: None) if waited is None else waited.append
    return Kibana("main", ElasticSettings.of("main", given), sleep=sleep)


def saying(*replies: Reply) -> Callable[[Asked], Reply]:
    """Each once, the last for ever."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def test_nothing_is_sent_before_something_is_asked() -> None:
    with answering(saying(Reply(body=STATUS))) as server:
        kibana(server.url).close()
    assert server.asked == []


def test_a_request_has_the_headers_the_key_and_the_space() -> None:
    with answering(saying(Reply(body={"a": 1}))) as server:
        client = kibana(server.url + "/base/", space="soc")
        assert client.call("POST", RULES, {"b": 2}, params={"x": True, "y": None}) == {"a": 1}
        assert kibana(server.url).call("GET", RULES) == {"a": 1}
        client.call("GET", "/api/status", space=False)
    first, second, third = server.asked
    assert (first.method, first.path) == ("POST", f"/base/s/soc{RULES}?x=true")
    assert second.path == RULES
    assert third.path == "/base/api/status"
    assert first.body == b'{"b":2}'
    assert first.headers["kbn-xsrf"] == "true"
    assert first.headers["elastic-api-version"] == "2023-10-31"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["authorization"] == f"ApiKey {SECRET}"


def test_kibanas_own_key_goes_before_the_clusters_and_a_user_does_without_keys() -> None:
    with answering(saying(Reply())) as server:
        kibana(server.url, kibana_api_key="own").call("GET", RULES)
        kibana(server.url, api_key=None, user="ada", password="päss").call("GET", RULES)  # noqa: S106
    own, basic = (asked.headers["authorization"] for asked in server.asked)
    assert own == "ApiKey own"
    assert basic == "Basic " + base64.b64encode("ada:päss".encode()).decode()


def test_a_file_is_sent_as_a_form() -> None:
    with answering(saying(Reply())) as server:
        file = {"file": ("rules.ndjson", b"{}\n", "application/ndjson")}
        kibana(server.url).call("POST", f"{RULES}/_import", files=file)
    assert server.asked[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'filename="rules.ndjson"' in server.asked[0].body


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again_and_waits_as_long_as_kibana_asks(status: int) -> None:
    waited = list[float]()
    busy = Reply(status, headers={"Retry-After": "7"})
    with answering(saying(busy, busy, Reply(body={"ok": 1}))) as server:
        assert kibana(server.url, waited).call("GET", RULES) == {"ok": 1}
    assert len(waited) == 2
    assert min(waited) >= 7


def test_what_stays_busy_is_unavailable() -> None:
    with (
        answering(saying(Reply(503, {"message": "Kibana is loading"}))) as server,
        pytest.raises(SiemUnavailable, match="503 in each of 3 attempts: Kibana is loading"),
    ):
        kibana(server.url).call("GET", RULES)
    assert len(server.asked) == 3


def test_a_kibana_that_is_down_is_unavailable_and_says_that_scoring_goes_on() -> None:
    with answering(saying(Reply())) as server:
        pass
    with pytest.raises(SiemUnavailable, match="Kibana does not answer") as down:
        kibana(server.url).call("GET", RULES)
    assert "still read and scored" in down.value.hint


@pytest.mark.parametrize(
    ("status", "version", "hint"),
    [
        (401, "9.5.1", "has the key expired"),
        (403, "9.5.1", "feature_securitySolutionRulesV4.all (9.5) in space 'default'"),
        (403, "8.19.3", "feature_siemV2.all (8.19)"),
        (404, "9.5.1", "address of a Kibana with Elastic Security"),
        (409, "9.5.1", "at the same moment"),
        (413, "9.5.1", "server.maxPayload"),
    ],
)
def test_what_is_refused_says_what_to_do(status: int, version: str, hint: str) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/api/status":
            return Reply(body=STATUS | {"version": {"number": version}})
        return Reply(status, {"message": f"no, {SECRET}"})

    with answering(answer) as server:
        client = kibana(server.url)
        assert str(client.version) == version
        with pytest.raises(SiemRefused, match=f"refused GET {RULES} with {status}: no") as refused:
            client.call("GET", RULES)
    assert hint in refused.value.hint
    assert SECRET not in refused.value.message


def test_a_missing_right_is_named_for_each_version_where_the_version_is_not_known() -> None:
    with (
        answering(saying(Reply(403, {"message": "no"}))) as server,
        pytest.raises(SiemRefused) as refused,
    ):
        kibana(server.url).call("GET", "/api/detection_engine/signals/search")
    assert "feature_siemV2.all (8.19)" in refused.value.hint
    assert "feature_securitySolutionAlertsV1.all (9.5)" in refused.value.hint
    assert len(server.asked) == 1


def test_a_redirection_is_not_followed_as_the_key_would_go_there_too() -> None:
    with (
        answering(saying(Reply(302, headers={"Location": "/login"}))) as server,
        pytest.raises(SiemRefused, match="answered with a redirection"),
    ):
        kibana(server.url).call("GET", RULES)
    assert len(server.asked) == 1


def test_a_status_that_is_named_gives_nothing_and_a_broken_answer_may_be_whole_later() -> None:
    with answering(saying(Reply(404, {}), Reply(body=b"{"))) as server:
        client = kibana(server.url)
        assert client.call("GET", RULES, absent=(404,)) is None
        with pytest.raises(SiemUnavailable, match="not JSON"):
            client.call("GET", RULES)


def test_the_version_is_asked_for_once_and_tells_what_kibana_can() -> None:
    with answering(saying(Reply(body=STATUS))) as server:
        client = kibana(server.url)
        assert client.known_version is None
        assert client.differences.dashboards_api
        assert client.differences.closing_reasons
        assert client.known_version == (9, 5, 1)
    assert [asked.path for asked in server.asked] == ["/api/status"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>a login page</html>", "is not Kibana"),
        ({"name": "x", "version": {"number": "9.5.1"}}, "is not Kibana"),
        ({"status": {"overall": {"level": "available"}}}, "does not report its version"),
        (STATUS | {"version": {"number": "8.11.4"}}, "Kibana 8.11.4 is not supported"),
    ],
)
def test_what_is_no_kibana_of_today_is_refused(body: object, said: str) -> None:
    with answering(saying(Reply(body=body))) as server, pytest.raises(SiemRefused, match=said):
        _ = kibana(server.url).version


def test_the_address_of_an_elasticsearch_is_told_from_a_kibana() -> None:
    said = {"error": "no handler found for uri [/api/status] and method [GET]"}
    with (
        answering(saying(Reply(400, said))) as server,
        pytest.raises(SiemRefused, match="is not Kibana"),
    ):
        _ = kibana(server.url).version


def test_a_failure_names_the_path_alone_and_what_the_status_says() -> None:
    down = {"status": {"overall": {"level": "critical", "summary": "Elasticsearch is unavailable"}}}
    with answering(saying(Reply(503, down))) as server:
        client = kibana(server.url)
        said = "GET /api/note of Kibana got 503 in each of 3 attempts: Elasticsearch is unavailable"
        with pytest.raises(SiemUnavailable, match=f"{said}$"):
            client.call("GET", "/api/note?documentIds=a&documentIds=b")
    with answering(saying(Reply(400, {"message": "no"}))) as server:
        client = kibana(server.url)
        with pytest.raises(SiemRefused, match=r"GET /api/note with 400: no$"):
            client.call("GET", "/api/note?documentIds=a&documentIds=b")


def test_a_space_that_does_not_exist_is_named() -> None:
    with (
        answering(saying(Reply(404, {}))) as server,
        pytest.raises(SiemRefused, match="no space 'soc'"),
    ):
        kibana(server.url, space="soc").require_space()
    assert [asked.path for asked in server.asked] == ["/api/spaces/space/soc"]


def test_the_default_space_needs_no_question_and_another_one_is_asked_for_once() -> None:
    with answering(saying(Reply(body={"id": "soc"}))) as server:
        kibana(server.url).require_space()
        client = kibana(server.url, space="soc")
        client.require_space()
        client.require_space()
    assert len(server.asked) == 1
