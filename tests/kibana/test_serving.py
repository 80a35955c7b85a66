"""The simulator's outside: login, headers, spaces, privileges, switches."""

import http.client
import urllib.error
from pathlib import Path

import pytest

from tests.kibana.asking import ask
from tests.kibana.serving import running
from tests.kibana.simulator import Options, Simulator
from tests.kibana.versions import VERSIONS
from tests.splunkd import certificate


def test_the_status_tells_its_version_to_who_is_logged_in_only(kibana_alone: Simulator) -> None:
    known = ask(kibana_alone, "GET", "/api/status")
    assert known.status == 503
    assert known.json["version"]["number"] == VERSIONS["9.5"].number
    nobody = ask(kibana_alone, "GET", "/api/status", headers={"Authorization": ""})
    assert nobody.status == 401
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{kibana_alone.url}/api/status")  # noqa: S310
    with refused.value:
        assert refused.value.read() == b'{"status": {"overall": {"level": "critical"}}}'


@pytest.mark.server
def test_the_status_is_available_while_the_node_answers(kibana: Simulator) -> None:
    assert ask(kibana, "GET", "/api/status").json["status"]["overall"]["level"] == "available"
    kibana.faults.add("elasticsearch_down", times=1)
    assert ask(kibana, "GET", "/api/status").status == 503
    assert ask(kibana, "GET", "/api/status").status == 200


def test_a_wrong_login_is_401_in_kibanas_shape(kibana_alone: Simulator) -> None:
    answer = ask(kibana_alone, "GET", "/api/spaces/space", key="bm9uZTpub25l")
    assert answer.status == 401
    assert answer.json["error"] == "Unauthorized"
    assert "unable to authenticate" in answer.json["message"]


def test_a_write_without_the_header_kbn_xsrf_is_400(kibana_alone: Simulator) -> None:
    request = urllib.request.Request(  # noqa: S310
        f"{kibana_alone.url}/api/spaces/space",
        b"{}",
        {"Authorization": "Basic ZWxhc3RpYzpjaGFuZ2VtZQ=="},
        method="POST",
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)  # noqa: S310
    with refused.value:
        assert b"Request must contain a kbn-xsrf header." in refused.value.read()
        assert refused.value.code == 400


@pytest.mark.parametrize(("version", "status"), [("8.19", 404), ("9.5", 400)])
def test_internal_routes_are_not_for_clients_from_9_on(version: str, status: int) -> None:
    with running(Options(version=version)) as simulator:
        answer = ask(simulator, "GET", "/internal/detection_engine/tags")
        assert answer.status == status


def test_an_unknown_path_is_404(kibana_alone: Simulator) -> None:
    answer = ask(kibana_alone, "GET", "/api/nothing")
    assert answer.json == {"statusCode": 404, "error": "Not Found", "message": "Not Found"}


def test_spaces_are_made_listed_and_removed(kibana_alone: Simulator) -> None:
    made = {"id": "soc", "name": "SOC"}
    assert ask(kibana_alone, "POST", "/api/spaces/space", made).status == 200
    assert ask(kibana_alone, "POST", "/api/spaces/space", made).status == 409
    listed = ask(kibana_alone, "GET", "/api/spaces/space").json
    assert [space["id"] for space in listed] == ["default", "soc"]
    assert ask(kibana_alone, "DELETE", "/api/spaces/space/soc").status == 204
    assert ask(kibana_alone, "GET", "/api/spaces/space/soc").status == 404
    assert ask(kibana_alone, "DELETE", "/api/spaces/space/default").status == 400


def test_a_key_of_one_space_has_nothing_in_another(kibana_alone: Simulator) -> None:
    key = kibana_alone.accounts.key_with("feature_siemV5.all", spaces=("soc",))
    assert ask(kibana_alone, "GET", "/api/spaces/space/soc", key=key).status == 404
    assert ask(kibana_alone, "GET", "/api/spaces/space/default", key=key).status == 403
    assert ask(kibana_alone, "POST", "/api/spaces/space", {}, key=key).status == 403


def test_a_key_is_made_and_revoked_as_in_elasticsearch(kibana_alone: Simulator) -> None:
    made = ask(kibana_alone, "POST", "/_security/api_key", {"name": "scoreback"}).json
    assert ask(kibana_alone, "GET", "/api/spaces/space", key=made["encoded"]).status == 200
    gone = ask(kibana_alone, "DELETE", "/_security/api_key", {"ids": [made["id"]]}).json
    assert gone["invalidated_api_keys"] == [made["id"]]
    assert ask(kibana_alone, "GET", "/api/spaces/space", key=made["encoded"]).status == 401


def test_switches_are_set_from_outside(kibana_alone: Simulator) -> None:
    fault = {"kind": "rate_limit", "times": 1, "retry_after": 7, "path": "/api/spaces/*"}
    assert ask(kibana_alone, "POST", "/simulator/faults", fault).status == 200
    limited = ask(kibana_alone, "GET", "/api/spaces/space")
    assert (limited.status, limited.headers["retry-after"]) == (429, "7")
    assert ask(kibana_alone, "GET", "/api/spaces/space").status == 200
    wrong = ask(kibana_alone, "POST", "/simulator/faults", {"kind": "moon"})
    assert wrong.status == 400


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "refuse", "status": 502, "text": "Bad Gateway", "html": True}, 502),
        ({"kind": "kibana_down"}, 503),
        ({"kind": "too_large", "bytes": 3}, 413),
        ({"kind": "conflict"}, 409),
    ],
)
def test_each_refusal_has_its_status(
    kibana_alone: Simulator, fault: dict[str, object], status: int
) -> None:
    kibana_alone.faults.add(**fault, times=1)  # type: ignore[arg-type]
    space = {"id": "soc", "name": "SOC"}
    assert ask(kibana_alone, "POST", "/api/spaces/space", space).status == status
    assert ask(kibana_alone, "POST", "/api/spaces/space", space).status == 200


@pytest.mark.parametrize(("kind", "made"), [("disconnect", False), ("answer_lost", True)])
def test_a_broken_connection_may_come_before_or_after_the_deed(
    kibana_alone: Simulator, kind: str, made: bool
) -> None:
    kibana_alone.faults.add(kind, times=1)
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(kibana_alone, "POST", "/api/spaces/space", {"id": "soc", "name": "SOC"})
    assert ("soc" in kibana_alone.spaces) is made


def test_the_clock_is_moved_from_outside(kibana_alone: Simulator) -> None:
    ask(kibana_alone, "POST", "/simulator/clock", {"set": 1000})
    assert ask(kibana_alone, "POST", "/simulator/clock", {"advance": 60}).json == {"now": 1060}


def test_it_speaks_tls_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    shown = certificate.make(tmp_path)
    with running(certificate=shown) as simulator:
        assert simulator.url.startswith("https://")
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            ask(simulator, "GET", "/api/status")


def test_an_unknown_version_or_licence_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'7\.17' is not one of 8\.19"):
        Options(version="7.17")
    with pytest.raises(ValueError, match="'gold' is not one of basic"):
        Options(license="gold")


def test_a_mistake_of_the_simulators_own_is_500_and_is_seen(
    kibana_alone: Simulator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kibana_alone, "spaces", None)
    answer = ask(kibana_alone, "GET", "/api/spaces/space")
    assert (answer.status, answer.json["error"]) == (500, "Internal Server Error")
    assert "AttributeError" in capsys.readouterr().err
